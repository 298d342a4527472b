package nodejs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	pulumi "github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

const (
	// The SDK's exit code for a program whose errors have all been told to the user.
	alreadyReported = 32
	// How long a cancelled program may take to end by itself.
	terminationGrace = 5 * time.Second
)

// options are the project's `runtime: {name: nodejs, options: ...}`.
type options struct {
	typescript bool
	tsconfig   string
	arguments  []string
}

func parseOptions(given map[string]any) (options, error) {
	parsed := options{typescript: true}
	for name, value := range given {
		text, isText := value.(string)
		switch name {
		case "typescript":
			on, ok := value.(bool)
			if !ok {
				return options{}, errors.New("typescript option must be a boolean")
			}
			parsed.typescript = on
		case "tsconfig":
			if !isText {
				return options{}, errors.New("tsconfigpath option must be a string")
			}
			parsed.tsconfig = text
		case "nodeargs":
			if !isText {
				return options{}, errors.New("nodeargs option must be a string")
			}
			parsed.arguments = strings.Fields(text)
		}
	}
	return parsed, nil
}

func (o options) environment() []string {
	var env []string
	if o.typescript {
		env = append(env, "PULUMI_NODEJS_TYPESCRIPT=true")
	}
	if o.tsconfig != "" {
		env = append(env, "PULUMI_NODEJS_TSCONFIG_PATH="+o.tsconfig)
	}
	return env
}

// Run runs a program to its end and tells how it ended.
func (h *host) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	bail, err := h.runProgram(ctx, request)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	return &pulumirpc.RunResponse{Bail: bail}, nil
}

func (h *host) runProgram(ctx context.Context, request *pulumirpc.RunRequest) (bail bool, err error) {
	info := request.GetInfo()
	node, err := findNode(info.GetProgramDirectory())
	if err != nil {
		return false, err
	}
	run, err := locateModule(node, "@pulumi/pulumi/cmd/run", info.GetProgramDirectory(), "pulumi install")
	if err != nil {
		return false, err
	}
	options, err := parseOptions(info.GetOptions().AsMap())
	if err != nil {
		return false, err
	}
	configuration, err := configEnvironment(request.GetConfig(), request.GetConfigSecretKeys())
	if err != nil {
		return false, err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(h.cancelled, stop)()
	arguments := append(append(options.arguments, run), programArguments(request, h.engineAddress())...)
	program := exec.CommandContext(ctx, node, arguments...)
	program.Cancel = func() error { return program.Process.Signal(os.Interrupt) }
	program.WaitDelay = terminationGrace
	program.Env = append(append(os.Environ(), configuration...), options.environment()...)
	// Wrapped, so that Node gets pipes of its own: it changes the blocking mode of what it writes to.
	program.Stdout = struct{ io.Writer }{os.Stdout}
	program.Stderr = struct{ io.Writer }{os.Stderr}

	err = program.Run()
	_ = os.Stdout.Sync()
	_ = os.Stderr.Sync()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false, nil
	case errors.As(err, &exit) && exit.ExitCode() == alreadyReported:
		return true, nil
	case errors.As(err, &exit):
		return false, fmt.Errorf("Program exited with non-zero exit code: %d", exit.ExitCode())
	default:
		return false, fmt.Errorf("Problem executing program (could not run language executor): %w", err)
	}
}

func programArguments(request *pulumirpc.RunRequest, engine string) []string {
	info := request.GetInfo()
	var arguments []string
	for _, flag := range []struct{ name, value string }{
		{"monitor", request.GetMonitorAddress()},
		{"engine", engine},
		{"organization", request.GetOrganization()},
		{"project", request.GetProject()},
		{"root-directory", info.GetRootDirectory()},
		{"stack", request.GetStack()},
		{"pwd", info.GetProgramDirectory()},
		{"parallel", strconv.Itoa(int(request.GetParallel()))},
	} {
		if flag.value != "" {
			arguments = append(arguments, "--"+flag.name, flag.value)
		}
	}
	if request.GetDryRun() {
		arguments = append(arguments, "--dry-run")
	}
	return append(append(arguments, info.GetEntryPoint()), request.GetArgs()...)
}

// configEnvironment hands the stack's configuration to the SDK, which gets the values under their old
// names for the sake of old SDKs, but the names of the secret ones as they are.
func configEnvironment(values map[string]string, secrets []string) ([]string, error) {
	renamed := make(map[string]string, len(values))
	for name, value := range values {
		key, err := config.ParseKey(name)
		if err != nil {
			return nil, err
		}
		renamed[key.Namespace()+":config:"+key.Name()] = value
	}
	if secrets == nil {
		secrets = []string{} // [] in JSON, not null
	}
	valuesJSON, err := json.Marshal(renamed)
	if err != nil {
		return nil, err
	}
	secretsJSON, err := json.Marshal(secrets)
	if err != nil {
		return nil, err
	}
	return []string{"PULUMI_CONFIG=" + string(valuesJSON), "PULUMI_CONFIG_SECRET_KEYS=" + string(secretsJSON)}, nil
}

// RunPlugin runs a plugin that is a Node program: a policy pack (kind "analyzer"), or a provider.
func (h *host) RunPlugin(request *pulumirpc.RunPluginRequest, stream pulumirpc.LanguageRuntime_RunPluginServer) error {
	directory := request.GetInfo().GetProgramDirectory()
	policyPack := request.GetKind() == "analyzer"
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(stream, false)
	if err != nil {
		return err
	}
	defer closer.Close()
	node, err := findNode(directory)
	if err != nil {
		return err
	}
	options, err := parseOptions(request.GetInfo().GetOptions().AsMap())
	if err != nil {
		return err
	}
	module := "@pulumi/pulumi/cmd/run-plugin"
	if policyPack {
		module = "@pulumi/pulumi/cmd/run-policy-pack"
	}
	run, err := locateModule(node, module, directory, "npm install in "+directory)
	if err != nil {
		return err
	}

	arguments := append(options.arguments, run)
	if policyPack {
		arguments = append(append(arguments, request.GetArgs()...), directory)
	} else {
		arguments = append(append(arguments, directory), request.GetArgs()...)
	}
	env := append(request.GetEnv(), options.environment()...)
	ctx, stop := context.WithCancel(stream.Context())
	defer stop()
	defer context.AfterFunc(h.cancelled, stop)()

	// A policy pack reads the stack's name and configuration from its environment, and the engine
	// tells them only to a policy pack that answers: the proxy answers until the real one runs.
	var proxy *pulumi.PolicyProxy
	if policyPack {
		if proxy, stdout, err = pulumi.NewPolicyProxy(ctx, stdout); err != nil {
			return fmt.Errorf("could not start policy pack proxy: %w", err)
		}
		configuration, err := proxy.AwaitConfiguration(ctx)
		if err != nil {
			return fmt.Errorf("could not get stack configuration: %w", err)
		}
		policyEnv, err := policyEnvironment(configuration)
		if err != nil {
			return err
		}
		env = append(env, policyEnv...)
	}

	plugin := exec.CommandContext(ctx, node, arguments...)
	plugin.WaitDelay = terminationGrace
	plugin.Env = env
	plugin.Stdout, plugin.Stderr = stdout, stderr
	plugin.Dir = request.GetPwd()
	if policyPack {
		plugin.Dir = directory
	}
	if err := plugin.Start(); err != nil {
		return fmt.Errorf("Problem executing plugin program (could not run language executor): %w", err)
	}
	if proxy != nil {
		err = proxy.Attach(ctx, plugin)
	} else {
		err = plugin.Wait()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("Program exited with non-zero exit code: %d", exit.ExitCode())
	}
	if err != nil {
		return err
	}
	return closer.Close()
}

func policyEnvironment(configuration *pulumirpc.AnalyzerStackConfigureRequest) ([]string, error) {
	if configuration == nil {
		return nil, nil
	}
	env := []string{
		"PULUMI_NODEJS_ORGANIZATION=" + configuration.GetOrganization(),
		"PULUMI_NODEJS_PROJECT=" + configuration.GetProject(),
		"PULUMI_NODEJS_STACK=" + configuration.GetStack(),
		"PULUMI_NODEJS_DRY_RUN=" + strconv.FormatBool(configuration.GetDryRun()),
	}
	if configuration.GetConfig() != nil {
		values, err := json.Marshal(configuration.GetConfig())
		if err != nil {
			return nil, fmt.Errorf("could not marshal stack configuration: %w", err)
		}
		env = append(env, "PULUMI_CONFIG="+string(values))
	}
	return env, nil
}
