package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// composeFile is what the tests look at of a file for docker compose.
type composeFile struct {
	Services map[string]composeService
	Volumes  map[string]any
}

type composeService struct {
	Build, Image, Restart string
	Command               []string
	Environment           map[string]string
	Ports                 []string
	Volumes               []string
	DependsOn             map[string]struct{ Condition string } `yaml:"depends_on"`
	HealthCheck           *struct{ Test []string }
}

// TestCompose checks that the files for docker compose hold together, that the router accepts what they tell it, and that Redis
// accepts its arguments. The images it does not run.
func TestCompose(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	files, err := filepath.Glob(filepath.Join(harness.Root(t), "docker-compose*.yml"))
	if err != nil || len(files) != 3 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var file composeFile
			if err := yaml.Unmarshal(text, &file); err != nil {
				t.Fatal(err)
			}
			for service, s := range file.Services {
				file.check(t, service, s)
			}
			// What is commented out is a suggestion that works, too.
			for _, line := range regexp.MustCompile(`(?m)^ *# command: (.*)$`).FindAllStringSubmatch(string(text), -1) {
				var args []string
				if err := yaml.Unmarshal([]byte(line[1]), &args); err != nil || !strings.HasPrefix(strings.Join(args, " "), "serve --config ") {
					t.Errorf("%s: %v", line[0], err)
				}
			}
		})
	}
}

func (f composeFile) check(t *testing.T, name string, s composeService) {
	t.Helper()
	if s.Restart == "" || s.Build == "" && (!strings.Contains(s.Image, ":") || strings.HasSuffix(s.Image, ":latest")) {
		t.Errorf("%s: restart %q, image %q", name, s.Restart, s.Image)
	}
	for on, how := range s.DependsOn {
		if other, ok := f.Services[on]; !ok || how.Condition == "service_healthy" && other.HealthCheck == nil {
			t.Errorf("%s depends on %s being %s", name, on, how.Condition)
		}
	}
	for _, volume := range s.Volumes {
		source, _, _ := strings.Cut(volume, ":")
		if _, ok := f.Volumes[source]; !ok && !strings.HasPrefix(source, ".") {
			t.Errorf("%s: there is no volume %s", name, source)
		}
	}
	if s.Build != "" {
		f.checkRouter(t, name, s)
	} else if len(s.Command) > 0 && s.Command[0] == "redis-server" {
		checkRedis(t, name, s.Command)
	}
}

// checkRouter starts the router with the service's settings on a port that is none, which is wrong usage only if anything else is:
// so what is said is about the port.
func (f composeFile) checkRouter(t *testing.T, name string, s composeService) {
	t.Helper()
	env := []string{"ROUTER_LISTEN=nowhere"}
	for key, value := range s.Environment {
		env = append(env, key+"="+value)
	}
	args := slices.Clone(s.Command)
	if len(args) == 0 {
		args = []string{"serve"}
	}
	code, _, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: args, Env: env, Dir: t.TempDir()})
	if code != 2 || !strings.Contains(stderr, `--listen: "nowhere"`) {
		t.Errorf("%s: the router ends with %d: %s", name, code, stderr)
	}
	store, ok := s.Environment["ROUTER_STORE"]
	if !ok {
		return
	}
	for host := range strings.SplitSeq(strings.Split(strings.TrimPrefix(store, "redis://"), "/")[0], ",") {
		if service, _, _ := strings.Cut(host, ":"); f.Services[service].Image == "" {
			t.Errorf("%s: there is no service %s", name, service)
		}
	}
}

// checkRedis starts the server of this machine with the arguments of the service.
func checkRedis(t *testing.T, name string, command []string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := append(slices.Clone(command[1:]), "--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir)
	if i := slices.Index(args, "--cluster-enabled"); i >= 0 { // which needs a port
		args = append(args[:i], args[i+2:]...)
	}
	p := harness.Run(t, harness.Command{Path: path, Args: args, Dir: dir})
	p.Stdout.WaitFor(t, "The server is now ready to accept connections")
	if code, _ := p.Terminate(t, 20*time.Second); code != 0 {
		t.Errorf("%s: redis-server ended with %d", name, code)
	}
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(strings.Join(command, " "), want) {
			t.Errorf("%s: the arguments have no %s", name, want)
		}
	}
}
