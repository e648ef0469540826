package redistest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/pkg/stdcopy"
	dockercontainer "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// containers says that servers are to run in containers.
func containers() bool { return os.Getenv("SIGNALBOX_REDIS") == "docker" }

// container runs a server in a container: with the network of the machine, so that it is found where it says it is, and with
// the directory of the server at the same place, so that it goes on there in the next container.
type container struct {
	engine client.APIClient
	made   testcontainers.Container
	number int // of the process
}

// labelPID is the label that names the test process a container belongs to.
const labelPID = "signalbox.test.pid"

// engine connects to the container engine of the machine. The error says that none answers.
func engine(t testing.TB) (*testcontainers.DockerProvider, error) {
	// The reaper of testcontainers is an image to be pulled. Instead, the next test removes what a killed one left.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	provider, err := testcontainers.NewDockerProvider(testcontainers.WithLogger(log.TestLogger(t)))
	if err != nil {
		return nil, err
	}
	return provider, provider.Health(t.Context())
}

func startContainer(s *Server) (*container, error) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Limit)
	defer cancel()
	provider, err := engine(s.t)
	if err != nil {
		return nil, fmt.Errorf("SIGNALBOX_REDIS is docker, but no container engine answers: %w", err)
	}
	if err := removeOrphanContainers(ctx, provider.Client()); err != nil {
		return nil, err
	}
	name, program, err := image(ctx, provider, s.program)
	if err != nil {
		return nil, fmt.Errorf("building the image: %w", err)
	}
	made, err := provider.CreateContainer(ctx, testcontainers.ContainerRequest{
		Image:      name,
		Entrypoint: []string{program},
		Cmd:        s.arguments(),
		Labels:     map[string]string{labelPID: strconv.Itoa(os.Getpid())},
		ConfigModifier: func(c *dockercontainer.Config) {
			c.User = fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) // so that the test may remove its files
			c.WorkingDir = s.Dir
		},
		HostConfigModifier: func(c *dockercontainer.HostConfig) {
			c.NetworkMode = "host"
			c.Binds = []string{s.Dir + ":" + s.Dir}
		},
	})
	if err != nil {
		return nil, err
	}
	c := &container{engine: provider.Client(), made: made}
	if err := made.Start(ctx); err != nil {
		c.remove()
		return nil, err
	}
	state, err := made.State(ctx)
	if err != nil {
		c.remove()
		return nil, err
	}
	if !state.Running {
		said := c.output(ctx)
		c.remove()
		return nil, fmt.Errorf("it ended at once: %s", said)
	}
	c.number = state.Pid
	return c, nil
}

// removeOrphanContainers removes the containers of test processes that were killed.
func removeOrphanContainers(ctx context.Context, engine client.APIClient) error {
	list, err := engine.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", labelPID),
	})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		if !alive(c.Labels[labelPID]) {
			// Another test process may have been first.
			_, _ = engine.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true})
		}
	}
	return nil
}

// output is what the server printed, which is little: the rest is in its log.
func (c *container) output(ctx context.Context) string {
	r, err := c.engine.ContainerLogs(ctx, c.made.GetContainerID(), client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = r.Close() }()
	var b strings.Builder
	if _, err := stdcopy.StdCopy(&b, &b, r); err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(&b, " (%v)", err)
	}
	return b.String()
}

func (c *container) pid() int { return c.number }

func (c *container) running() bool {
	state, err := c.made.State(context.Background())
	return err == nil && state.Running // also when it is paused
}

func (c *container) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Limit)
	defer cancel()
	if !c.running() {
		return os.ErrProcessDone
	}
	id := c.made.GetContainerID()
	ended := c.engine.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: dockercontainer.WaitConditionNotRunning})
	if _, err := c.engine.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return err
	}
	select {
	case <-ended.Result:
		return nil
	case err := <-ended.Error:
		return err
	}
}

// pause freezes the container, which is to a server as SIGSTOP is.
func (c *container) pause() error {
	_, err := c.engine.ContainerPause(context.Background(), c.made.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

func (c *container) resume() error {
	_, err := c.engine.ContainerUnpause(context.Background(), c.made.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

func (c *container) remove() {
	// Should it fail, the next test process tries again.
	_, _ = c.engine.ContainerRemove(context.Background(), c.made.GetContainerID(), client.ContainerRemoveOptions{Force: true})
	_ = c.engine.Close()
}
