package command

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// How long a cancelled command may take to end by itself.
	terminationGrace = 3 * time.Second
	// How long to wait for its output when it is dead but something holds its pipes open.
	outputGrace = time.Second
)

// outputs are what a command wrote, each without its last line feed.
type outputs struct{ stdout, stderr string }

// runner runs commands until it is cancelled.
type runner struct {
	ctx    context.Context
	cancel context.CancelFunc

	mutex  sync.Mutex
	groups map[int]struct{}
}

func newRunner() *runner {
	ctx, cancel := context.WithCancel(context.Background())
	return &runner{ctx: ctx, cancel: cancel, groups: map[int]struct{}{}}
}

// killAll kills every running command and what it started, at once.
func (r *runner) killAll() {
	r.cancel()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for group := range r.groups {
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}

// run runs one command line to its end and returns what it wrote; log gets each line as it comes.
// The error of a command that fails carries the command and all that it wrote, as Pulumi's does.
func (r *runner) run(command string, in inputs, previous outputs, log func(line string)) (outputs, error) {
	arguments := append(append([]string{}, interpreter(in)...), command)
	cmd := exec.Command(arguments[0], arguments[1:]...)
	cmd.Dir = in.dir
	cmd.Env = environment(in, previous)
	if in.stdin != "" {
		cmd.Stdin = strings.NewReader(in.stdin)
	}
	// A group of its own, so that a cancelled command takes all that it started with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	var both lockedBuffer
	show := loggings[in.logging]
	stdout, err := capture(&both, logIf(show.stdout, log))
	if err != nil {
		return outputs{}, err
	}
	defer stdout.reader.Close()
	stderr, err := capture(&both, logIf(show.stderr, log))
	if err != nil {
		stdout.writer.Close()
		return outputs{}, err
	}
	defer stderr.reader.Close()
	cmd.Stdout, cmd.Stderr = stdout.writer, stderr.writer

	err = r.wait(cmd, stdout, stderr)
	if err != nil {
		return outputs{}, fmt.Errorf("%w: running %q:\n%s", err, command, both.String())
	}
	return outputs{
		stdout: strings.TrimSuffix(stdout.text.String(), "\n"),
		stderr: strings.TrimSuffix(stderr.text.String(), "\n"),
	}, nil
}

// wait starts the command and waits for its end and for the end of its output.
func (r *runner) wait(cmd *exec.Cmd, streams ...*stream) error {
	err := r.start(cmd)
	for _, stream := range streams {
		stream.writer.Close()
	}
	if err != nil {
		return err
	}
	group := cmd.Process.Pid
	defer r.forget(group)

	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		// As with Pulumi's plugin, a background child that holds the output open keeps the command going.
		for _, stream := range streams {
			<-stream.done
		}
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case <-r.ctx.Done():
	}
	_ = syscall.Kill(-group, syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(terminationGrace):
	}
	_ = syscall.Kill(-group, syscall.SIGKILL)
	select {
	case <-ended:
	case <-time.After(outputGrace):
	}
	return errors.New("cancelled")
}

func (r *runner) start(cmd *exec.Cmd) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.ctx.Err() != nil {
		return errors.New("cancelled")
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r.groups[cmd.Process.Pid] = struct{}{}
	return nil
}

func (r *runner) forget(group int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.groups, group)
}

func interpreter(in inputs) []string {
	if len(in.interpreter) > 0 {
		return in.interpreter
	}
	return []string{"/bin/sh", "-c"}
}

func environment(in inputs, previous outputs) []string {
	env := os.Environ()
	for name, value := range in.environment {
		env = append(env, name+"="+value)
	}
	if in.addPreviousOutput && previous.stdout != "" {
		env = append(env, "PULUMI_COMMAND_STDOUT="+previous.stdout)
	}
	if in.addPreviousOutput && previous.stderr != "" {
		env = append(env, "PULUMI_COMMAND_STDERR="+previous.stderr)
	}
	return env
}

func logIf(show bool, log func(string)) func(string) {
	if show {
		return log
	}
	return func(string) {}
}

// stream is one of a command's two outputs.
type stream struct {
	reader, writer *os.File
	text           *lockedBuffer
	done           chan struct{}
}

// capture makes a pipe whose text is kept, copied to both, and logged line by line.
func capture(both io.Writer, log func(line string)) (*stream, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	stream := &stream{reader: reader, writer: writer, text: &lockedBuffer{}, done: make(chan struct{})}
	go func() {
		defer close(stream.done)
		lines := bufio.NewReader(io.TeeReader(reader, io.MultiWriter(stream.text, both)))
		for {
			line, err := lines.ReadString('\n')
			if line != "" {
				log(strings.TrimSuffix(line, "\n"))
			}
			if err != nil {
				return
			}
		}
	}()
	return stream, nil
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
