// Command gen writes the bridged providers' Pulumi schemas to bridged/schemas, without documentation.
//
//	go run -tags no_compose ./gen     (in toolchain/, after a provider or its mapping changed)
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	pftfgen "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfgen"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"

	"cybexp/toolchain/bridged"
)

func main() {
	for name, provider := range bridged.Providers {
		if err := write(name, provider()); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

func write(name string, provider bridged.Provider) error {
	generated, err := generate(provider)
	if err != nil {
		return err
	}
	var schema map[string]any
	if err := json.Unmarshal(generated, &schema); err != nil {
		return err
	}
	// What only the generators of SDKs read.
	delete(schema, "language")
	delete(schema, "attribution")
	dropDescriptions(schema)
	text, err := json.MarshalIndent(schema, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("bridged", "schemas", name+".json"), append(text, '\n'), 0o644)
}

func generate(provider bridged.Provider) ([]byte, error) {
	sink := diag.DefaultSink(os.Stderr, os.Stderr, diag.FormatOptions{Color: colors.Never})
	if provider.Framework {
		result, err := pftfgen.GenerateSchema(context.Background(), pftfgen.GenerateSchemaOptions{
			ProviderInfo: provider.Info, DiagnosticsSink: sink, XInMemoryDocs: true,
		})
		if err != nil {
			return nil, err
		}
		return result.ProviderMetadata.PackageSchema, nil
	}
	result, err := tfgen.GenerateSchemaWithOptions(tfgen.GenerateSchemaOptions{
		ProviderInfo: provider.Info, DiagnosticsSink: sink, XInMemoryDocs: true,
	})
	if err != nil {
		return nil, err
	}
	return json.Marshal(result.PackageSpec)
}

// dropDescriptions leaves a property that is named description alone: its value is no string.
func dropDescriptions(value any) {
	switch value := value.(type) {
	case map[string]any:
		if _, ok := value["description"].(string); ok {
			delete(value, "description")
		}
		for _, item := range value {
			dropDescriptions(item)
		}
	case []any:
		for _, item := range value {
			dropDescriptions(item)
		}
	}
}
