// Package command serves the part of Pulumi's command plugin that runs local commands: the resource
// command:local:Command and the function command:local:run, with the properties and habits of
// version 1.2.1.
package command

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	rprovider "github.com/pulumi/pulumi/sdk/v3/go/pulumi/provider"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"cybexp/toolchain/lifetime"
)

// Version is that of the npm SDK that the plugin serves.
const Version = "1.2.1"

const (
	commandType = "command:local:Command"
	runFunction = "command:local:run"
)

//go:embed schema.json
var schema string

// Main serves the provider until the engine hangs up.
func Main() error {
	runner := newRunner()
	lifetime.OnParentDeath(runner.killAll)
	return rprovider.Main("command", func(host *rprovider.HostClient) (pulumirpc.ResourceProviderServer, error) {
		return &server{host: host, runner: runner}, nil
	})
}

type server struct {
	pulumirpc.UnimplementedResourceProviderServer
	host   *rprovider.HostClient
	runner *runner
}

func (s *server) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true, AcceptResources: true}, nil
}

func (s *server) Attach(_ context.Context, request *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	host, err := rprovider.NewHostClient(request.GetAddress())
	if err != nil {
		return nil, err
	}
	s.host = host
	return &emptypb.Empty{}, nil
}

func (s *server) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: Version}, nil
}

func (s *server) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{Schema: schema}, nil
}

func (s *server) CheckConfig(_ context.Context, request *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: request.GetNews()}, nil
}

func (s *server) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
}

func (s *server) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, AcceptResources: true, SupportsPreview: true}, nil
}

func (s *server) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	s.runner.cancel()
	return &emptypb.Empty{}, nil
}

// Invoke runs a command at once, in a preview as well: the function has no state.
func (s *server) Invoke(ctx context.Context, request *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	if request.GetTok() != runFunction {
		return nil, unsupported(request.GetTok())
	}
	arguments, err := unmarshal(request.GetArgs())
	if err != nil {
		return nil, err
	}
	in, problems := parse(arguments)
	if in.command == nil && len(problems) == 0 {
		problems = []problem{{"command", "is required"}}
	}
	if len(problems) > 0 {
		response := &pulumirpc.InvokeResponse{}
		for _, problem := range problems {
			response.Failures = append(response.Failures,
				&pulumirpc.CheckFailure{Property: problem.property, Reason: problem.reason})
		}
		return response, nil
	}
	out, err := s.runner.run(*in.command, in, outputs{}, s.logger(ctx, ""))
	if err != nil {
		return nil, err
	}
	result, err := marshal(state(withDefaults(arguments), out, arguments.ContainsSecrets()))
	return &pulumirpc.InvokeResponse{Return: result}, err
}

func (s *server) Check(_ context.Context, request *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if err := onlyCommands(request.GetUrn()); err != nil {
		return nil, err
	}
	news, err := unmarshal(request.GetNews())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.CheckResponse{}
	_, problems := parse(news)
	for _, problem := range problems {
		response.Failures = append(response.Failures,
			&pulumirpc.CheckFailure{Property: problem.property, Reason: problem.reason})
	}
	response.Inputs, err = marshal(withDefaults(news))
	return response, err
}

func withDefaults(properties resource.PropertyMap) resource.PropertyMap {
	if value, ok := properties["addPreviousOutputInEnv"]; ok && !value.IsNull() {
		return properties
	}
	complete := properties.Copy()
	complete["addPreviousOutputInEnv"] = resource.NewBoolProperty(true)
	return complete
}

func (s *server) Diff(_ context.Context, request *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	old, err := unmarshal(request.GetOldInputs())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(request.GetNews())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.DiffResponse{
		Changes:         pulumirpc.DiffResponse_DIFF_NONE,
		HasDetailedDiff: true,
		DetailedDiff:    map[string]*pulumirpc.PropertyDiff{},
	}
	diff := old.Diff(news)
	if diff == nil {
		return response, nil
	}
	response.Changes = pulumirpc.DiffResponse_DIFF_SOME
	for path, change := range plugin.NewDetailedDiffFromObjectDiff(diff, true) {
		if isTrigger(path) {
			change.Kind = change.Kind.AsReplace()
			response.Replaces = append(response.Replaces, path)
		}
		response.Diffs = append(response.Diffs, path)
		response.DetailedDiff[path] = &pulumirpc.PropertyDiff{
			Kind: pulumirpc.PropertyDiff_Kind(change.Kind), InputDiff: true,
		}
	}
	return response, nil
}

func isTrigger(path string) bool {
	return path == "triggers" || strings.HasPrefix(path, "triggers[")
}

func (s *server) Create(ctx context.Context, request *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	urn := resource.URN(request.GetUrn())
	properties, err := unmarshal(request.GetProperties())
	if err != nil {
		return nil, err
	}
	id, err := resource.NewUniqueHex(urn.Name(), 8, 0)
	if err != nil {
		return nil, err
	}
	if request.GetPreview() {
		state, err := marshal(unknownState(properties))
		return &pulumirpc.CreateResponse{Id: id, Properties: state}, err
	}
	in, _ := parse(properties)
	out := outputs{}
	if in.create != nil {
		if out, err = s.runner.run(*in.create, in, outputs{}, s.logger(ctx, urn)); err != nil {
			return nil, err
		}
	}
	state, err := marshal(state(properties, out, properties.ContainsSecrets()))
	return &pulumirpc.CreateResponse{Id: id, Properties: state}, err
}

func (s *server) Update(ctx context.Context, request *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	olds, err := unmarshal(request.GetOlds())
	if err != nil {
		return nil, err
	}
	news, err := unmarshal(request.GetNews())
	if err != nil {
		return nil, err
	}
	if request.GetPreview() {
		state, err := marshal(unknownState(news))
		return &pulumirpc.UpdateResponse{Properties: state}, err
	}
	in, _ := parse(news)
	command := in.update
	if command == nil {
		command = in.create
	}
	out := previousOutputs(olds)
	secret := news.ContainsSecrets()
	if command == nil {
		// Nothing ran: what an earlier command wrote stays as secret as it was.
		secret = secret || olds["stdout"].IsSecret() || olds["stderr"].IsSecret()
	} else if out, err = s.runner.run(*command, in, out, s.logger(ctx, resource.URN(request.GetUrn()))); err != nil {
		return nil, err
	}
	state, err := marshal(state(news, out, secret))
	return &pulumirpc.UpdateResponse{Properties: state}, err
}

// Read finds nothing to look at: a command has no state but what it wrote.
func (s *server) Read(_ context.Context, request *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{
		Id: request.GetId(), Properties: request.GetProperties(), Inputs: request.GetInputs(),
	}, nil
}

func (s *server) Delete(ctx context.Context, request *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	olds, err := unmarshal(request.GetProperties())
	if err != nil {
		return nil, err
	}
	in, _ := parse(olds)
	if in.delete != nil {
		_, err = s.runner.run(*in.delete, in, previousOutputs(olds), s.logger(ctx, resource.URN(request.GetUrn())))
	}
	return &emptypb.Empty{}, err
}

// state is a Command's outputs: its inputs as they came, and what it wrote, secret if an input is.
func state(inputs resource.PropertyMap, out outputs, secret bool) resource.PropertyMap {
	return withOutputs(inputs, secret,
		resource.NewStringProperty(out.stdout), resource.NewStringProperty(out.stderr))
}

func unknownState(inputs resource.PropertyMap) resource.PropertyMap {
	unknown := resource.MakeComputed(resource.NewStringProperty(""))
	return withOutputs(inputs, inputs.ContainsSecrets(), unknown, unknown)
}

func withOutputs(inputs resource.PropertyMap, secret bool, stdout, stderr resource.PropertyValue) resource.PropertyMap {
	if secret {
		stdout, stderr = resource.MakeSecret(stdout), resource.MakeSecret(stderr)
	}
	state := inputs.Copy()
	state["stdout"], state["stderr"] = stdout, stderr
	return state
}

func previousOutputs(olds resource.PropertyMap) outputs {
	text := func(name resource.PropertyKey) string {
		if value := plain(olds[name]); value.IsString() {
			return value.StringValue()
		}
		return ""
	}
	return outputs{stdout: text("stdout"), stderr: text("stderr")}
}

// logger shows a command's lines to the user, beside the resource.
func (s *server) logger(ctx context.Context, urn resource.URN) func(string) {
	return func(line string) {
		if s.host != nil {
			_ = s.host.Log(ctx, diag.Info, urn, line)
		}
	}
}

func onlyCommands(urn string) error {
	if token := resource.URN(urn).Type().String(); token != commandType {
		return unsupported(token)
	}
	return nil
}

func unsupported(token string) error {
	return status.Error(codes.Unimplemented, fmt.Sprintf(
		"%s is not supported by this build of the command plugin, which has only %s and %s: use Pulumi's own plugin",
		token, commandType, runFunction))
}

func unmarshal(properties *structpb.Struct) (resource.PropertyMap, error) {
	return plugin.UnmarshalProperties(properties, plugin.MarshalOptions{
		KeepUnknowns: true, KeepSecrets: true, KeepResources: true, SkipNulls: true,
	})
}

func marshal(properties resource.PropertyMap) (*structpb.Struct, error) {
	return plugin.MarshalProperties(properties, plugin.MarshalOptions{
		KeepUnknowns: true, KeepSecrets: true, KeepResources: true, SkipNulls: true,
	})
}
