// Reads a dashboard on standard input by the schemas that Grafana publishes: the dashboard's, its panels' by their
// types, and its queries'. What Grafana does not know is an error. Prints the number of panels.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err)
	}
	read := dashboard.Dashboard{}
	for _, err := range []error{read.UnmarshalJSONStrict(text), read.Validate()} {
		// An empty list of errors is none.
		if err != nil && err.Error() != "" {
			fail(err)
		}
	}
	fmt.Println(len(read.Panels))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
