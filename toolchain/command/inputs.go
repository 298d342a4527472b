package command

import (
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// inputs are a Command's or a run's arguments without their secret marks: what it takes to run it.
type inputs struct {
	// The first three are a Command's, the last a run's.
	create, update, delete, command *string
	stdin, dir                      string
	environment                     map[string]string
	interpreter                     []string
	logging                         string
	addPreviousOutput               bool
}

// problem is a wrong argument; it never carries the value, which may be a secret.
type problem struct{ property, reason string }

var loggings = map[string]struct{ stdout, stderr bool }{
	"":                {true, true},
	"stdoutAndStderr": {true, true},
	"stdout":          {true, false},
	"stderr":          {false, true},
	"none":            {false, false},
}

// parse reads the properties of either; values that are not known yet count as absent.
func parse(properties resource.PropertyMap) (inputs, []problem) {
	parser := &parser{properties: properties}
	in := inputs{
		create:            parser.optionalText("create"),
		update:            parser.optionalText("update"),
		delete:            parser.optionalText("delete"),
		command:           parser.optionalText("command"),
		stdin:             parser.text("stdin"),
		dir:               parser.text("dir"),
		environment:       map[string]string{},
		logging:           parser.text("logging"),
		addPreviousOutput: true,
	}
	if _, ok := loggings[in.logging]; !ok {
		parser.refuse("logging", "must be stdout, stderr, stdoutAndStderr or none")
	}
	if value, ok := parser.known("addPreviousOutputInEnv"); ok {
		if !value.IsBool() {
			parser.refuse("addPreviousOutputInEnv", "must be a boolean")
		} else {
			in.addPreviousOutput = value.BoolValue()
		}
	}
	if value, ok := parser.known("environment"); ok {
		if !value.IsObject() {
			parser.refuse("environment", "must be an object of strings")
		} else {
			for key, item := range value.ObjectValue() {
				if text, ok := parser.element("environment."+string(key), item); ok {
					in.environment[string(key)] = text
				}
			}
		}
	}
	if value, ok := parser.known("interpreter"); ok {
		if !value.IsArray() {
			parser.refuse("interpreter", "must be an array of strings")
		} else {
			for i, item := range value.ArrayValue() {
				if text, ok := parser.element(fmt.Sprintf("interpreter[%d]", i), item); ok {
					in.interpreter = append(in.interpreter, text)
				}
			}
		}
	}
	if value, ok := parser.known("triggers"); ok && !value.IsArray() {
		parser.refuse("triggers", "must be an array")
	}
	for _, property := range []resource.PropertyKey{"assetPaths", "archivePaths"} {
		if value, ok := parser.known(property); ok && !(value.IsArray() && len(value.ArrayValue()) == 0) {
			parser.refuse(string(property), "is not supported by this build of the command plugin: "+
				"read the files yourself, or use Pulumi's own plugin")
		}
	}
	return in, parser.problems
}

type parser struct {
	properties resource.PropertyMap
	problems   []problem
}

func (p *parser) refuse(property, reason string) {
	p.problems = append(p.problems, problem{property, reason})
}

// known is a property's value without its secret mark, if it is there and known.
func (p *parser) known(name resource.PropertyKey) (resource.PropertyValue, bool) {
	value := plain(p.properties[name])
	return value, !value.IsNull() && !value.IsComputed()
}

func (p *parser) element(path string, value resource.PropertyValue) (string, bool) {
	value = plain(value)
	if value.IsComputed() {
		return "", false
	}
	if !value.IsString() {
		p.refuse(path, "must be a string")
		return "", false
	}
	return value.StringValue(), true
}

func (p *parser) optionalText(name resource.PropertyKey) *string {
	value, ok := p.known(name)
	if !ok {
		return nil
	}
	text, ok := p.element(string(name), value)
	if !ok {
		return nil
	}
	return &text
}

func (p *parser) text(name resource.PropertyKey) string {
	if text := p.optionalText(name); text != nil {
		return *text
	}
	return ""
}

// plain takes the secret and output marks off a value.
func plain(value resource.PropertyValue) resource.PropertyValue {
	for {
		switch {
		case value.IsSecret():
			value = value.SecretValue().Element
		case value.IsOutput() && value.OutputValue().Known:
			value = value.OutputValue().Element
		case value.IsOutput():
			return resource.MakeComputed(resource.NewStringProperty(""))
		default:
			return value
		}
	}
}
