package nodejs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// manifest is what a package.json says that Pulumi cares about.
type manifest struct {
	Name            string                  `json:"name"`
	Version         string                  `json:"version"`
	Pulumi          plugin.PulumiPluginJSON `json:"pulumi"`
	Dependencies    map[string]string       `json:"dependencies"`
	DevDependencies map[string]string       `json:"devDependencies"`
}

func readManifest(path string) (manifest, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return manifest{}, false
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		logging.V(3).Infof("ignoring %s: %v", path, err)
		return manifest{}, false
	}
	return m, true
}

// installed are the packages in a project's node_modules, and in those of its packages.
func installed(directory string) []manifest {
	var found []manifest
	modules := filepath.Join(directory, "node_modules")
	for _, pattern := range []string{"*", "@*/*"} {
		paths, _ := filepath.Glob(filepath.Join(modules, pattern, "package.json"))
		for _, path := range paths {
			if m, ok := readManifest(path); ok {
				found = append(found, m)
			}
			found = append(found, installed(filepath.Dir(path))...)
		}
	}
	return found
}

// requiredPackages are the plugins that a program's packages say they need.
func requiredPackages(directory string) []*pulumirpc.PackageDependency {
	var required []*pulumirpc.PackageDependency
	for _, m := range installed(directory) {
		if !m.Pulumi.Resource {
			continue
		}
		name := m.Pulumi.Name
		if name == "" {
			name = strings.TrimPrefix(m.Name, "@pulumi/")
		}
		version := m.Pulumi.Version
		if version == "" {
			version = m.Version
		}
		dependency := &pulumirpc.PackageDependency{
			Name: name, Kind: "resource", Version: "v" + strings.TrimPrefix(version, "v"), Server: m.Pulumi.Server,
		}
		if parameters := m.Pulumi.Parameterization; parameters != nil {
			dependency.Parameterization = &pulumirpc.PackageParameterization{
				Name: parameters.Name, Version: parameters.Version, Value: parameters.Value,
			}
		}
		required = append(required, dependency)
	}
	return required
}

// programDependencies are the npm packages of a program: the ones it names, or all that are installed.
func programDependencies(directory string, transitive bool) []*pulumirpc.DependencyInfo {
	project, _ := readManifest(filepath.Join(directory, "package.json"))
	var dependencies []*pulumirpc.DependencyInfo
	for _, m := range installed(directory) {
		_, direct := project.Dependencies[m.Name]
		_, development := project.DevDependencies[m.Name]
		if transitive || direct || development {
			dependencies = append(dependencies, &pulumirpc.DependencyInfo{Name: m.Name, Version: m.Version})
		}
	}
	sort.Slice(dependencies, func(i, j int) bool { return dependencies[i].Name < dependencies[j].Name })
	return dependencies
}
