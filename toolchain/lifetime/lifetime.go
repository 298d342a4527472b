// Package lifetime ends a plugin when the program that started it is gone.
//
// The engine stops its plugins itself; but a CLI that was killed outright can't, and a plugin would
// notice only through its health check, after minutes.
package lifetime

import (
	"os"
	"sync"
	"syscall"
	"time"
)

const pollInterval = 500 * time.Millisecond

var (
	mutex    sync.Mutex
	cleanups []func()
)

// OnParentDeath registers what to do before the plugin ends because its parent died.
func OnParentDeath(cleanup func()) {
	mutex.Lock()
	defer mutex.Unlock()
	cleanups = append(cleanups, cleanup)
}

// FollowParent starts watching the parent process, and ends this process and its group when it dies.
func FollowParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(pollInterval)
		}
		mutex.Lock()
		for _, cleanup := range cleanups {
			cleanup()
		}
		// The engine makes each plugin the leader of a process group: its children are in it.
		if group, err := syscall.Getpgid(0); err == nil && group == os.Getpid() {
			_ = syscall.Kill(-group, syscall.SIGKILL)
		}
		os.Exit(1)
	}()
}
