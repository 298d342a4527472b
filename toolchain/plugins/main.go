// Command plugins is the docker, tls, random and command resource plugins and the Node language
// host in one binary: it serves the one whose name it was started under.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cybexp/toolchain/bridged"
	"cybexp/toolchain/command"
	"cybexp/toolchain/lifetime"
	"cybexp/toolchain/nodejs"
)

func main() {
	lifetime.FollowParent()
	if err := serve(filepath.Base(os.Args[0])); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve(name string) error {
	switch name {
	case "pulumi-language-nodejs":
		return nodejs.Main()
	case "pulumi-resource-command":
		return command.Main()
	}
	if provider, ok := strings.CutPrefix(name, "pulumi-resource-"); ok {
		return bridged.Main(provider)
	}
	return fmt.Errorf("start this program as pulumi-resource-NAME or pulumi-language-nodejs, not as %q", name)
}
