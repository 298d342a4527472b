// Package nodejs serves Pulumi's language host for Node programs: it starts the program by the
// project's own @pulumi/pulumi, and tells the engine which plugins the program's packages want.
package nodejs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Main serves the language host until the engine ends it.
func Main() error {
	flag.String("tracing", "", "accepted for the engine's sake; nothing is traced")
	flag.String("runtime", "nodejs", "accepted for the engine's sake")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println(version.Version)
		return nil
	}
	logging.InitLogging(false, 0, false)

	cancelled, cancel := context.WithCancel(context.Background())
	host := &host{engine: flag.Arg(0), cancelled: cancelled, cancel: cancel}

	// The engine ends its plugins by an interrupt to their process group.
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	stop := make(chan bool)
	go func() {
		<-interrupted
		cancel()
		close(stop)
	}()
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: stop,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("could not start language host RPC server: %w", err)
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	mutex  sync.Mutex
	engine string

	cancelled context.Context
	cancel    context.CancelFunc
}

func (h *host) Handshake(_ context.Context, request *pulumirpc.LanguageHandshakeRequest) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.engine = request.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) engineAddress() string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.engine
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) GetRequiredPackages(_ context.Context, request *pulumirpc.GetRequiredPackagesRequest) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{
		Packages: requiredPackages(request.GetInfo().GetProgramDirectory()),
	}, nil
}

func (h *host) GetRequiredPlugins(_ context.Context, request *pulumirpc.GetRequiredPluginsRequest) (*pulumirpc.GetRequiredPluginsResponse, error) {
	response := &pulumirpc.GetRequiredPluginsResponse{}
	for _, dependency := range requiredPackages(request.GetInfo().GetProgramDirectory()) {
		response.Plugins = append(response.Plugins, &pulumirpc.PluginDependency{
			Name: dependency.Name, Kind: dependency.Kind, Version: dependency.Version, Server: dependency.Server,
		})
	}
	return response, nil
}

func (h *host) GetProgramDependencies(_ context.Context, request *pulumirpc.GetProgramDependenciesRequest) (*pulumirpc.GetProgramDependenciesResponse, error) {
	return &pulumirpc.GetProgramDependenciesResponse{
		Dependencies: programDependencies(request.GetInfo().GetProgramDirectory(), request.GetTransitiveDependencies()),
	}, nil
}

func (h *host) About(_ context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	node, err := findNode(request.GetInfo().GetProgramDirectory())
	if err != nil {
		return nil, err
	}
	answer, err := exec.Command(node, "--version").Output()
	if err != nil {
		return &pulumirpc.AboutResponse{Executable: node}, nil
	}
	return &pulumirpc.AboutResponse{
		Executable: node, Version: strings.TrimSpace(string(answer)),
		Metadata: map[string]string{"packagemanager": "npm"},
	}, nil
}

func (h *host) InstallDependencies(request *pulumirpc.InstallDependenciesRequest, stream pulumirpc.LanguageRuntime_InstallDependenciesServer) error {
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(stream, request.GetIsTerminal())
	if err != nil {
		return err
	}
	defer closer.Close()
	npm := exec.CommandContext(stream.Context(), "npm", "install", "--loglevel=error")
	npm.Dir = request.GetInfo().GetProgramDirectory()
	npm.Stdout, npm.Stderr = stdout, stderr
	if err := npm.Run(); err != nil {
		return fmt.Errorf("npm install failed: %w", err)
	}
	return closer.Close()
}

func (h *host) RuntimeOptionsPrompts(context.Context, *pulumirpc.RuntimeOptionsRequest) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

func (h *host) Template(context.Context, *pulumirpc.TemplateRequest) (*pulumirpc.TemplateResponse, error) {
	return &pulumirpc.TemplateResponse{}, nil
}

// findNode is the Node of the project's own dependencies, else the one on PATH.
func findNode(directory string) (string, error) {
	for at := directory; at != ""; at = filepath.Dir(at) {
		node := filepath.Join(at, "node_modules", ".bin", "node")
		if info, err := os.Stat(node); err == nil && !info.IsDir() {
			return node, nil
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	node, err := exec.LookPath("node")
	if err != nil {
		return "", fmt.Errorf("could not find node on the $PATH: %w", err)
	}
	return node, nil
}

// locateModule finds a file of the SDK that the project has installed.
func locateModule(node, module, directory, install string) (string, error) {
	script := fmt.Sprintf(`try { console.log(require.resolve(%q)) } catch (error) {`+
		` console.error(error.code === "MODULE_NOT_FOUND"`+
		` ? "It looks like the Pulumi SDK has not been installed. Have you run %s?" : error.message);`+
		` process.exit(1) }`, module, install)
	resolve := exec.Command(node, "-e", script)
	resolve.Dir = directory
	found, err := resolve.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", errors.New(string(exit.Stderr))
	}
	return strings.TrimSpace(string(found)), err
}
