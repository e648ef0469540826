package redisfaults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// remote is a load in a process of its own, in a network namespace: the test binary, which remoteURL tells to be one. It answers
// "sends" with how many were acknowledged, and "finish" with the judgement.
type remote struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

const remoteURL = "REDISFAULTS_URL"

// beRemote is what the process does.
func beRemote(url string) int {
	var stores []*redisstore.Store
	for range 2 {
		s, err := redisstore.Open(context.Background(), redisstore.Options{URL: url}, queue.NewClock(time.Time{}).Now)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = s.Close() }()
		stores = append(stores, s)
	}
	l := newLoad(stores...)
	l.start()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == "sends" {
			fmt.Println(l.sends())
			continue
		}
		l.end()
		left := l.drain()
		r := l.judge()
		if left != nil {
			r.Faults = append(r.Faults, left.Error())
		}
		if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
			return 1
		}
	}
	return 0
}

func startRemote(t testing.TB, in *redistest.Namespace, url string) *remote {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &remote{t: t, cmd: in.Command(program)}
	r.cmd.Env = append(os.Environ(), remoteURL+"="+url)
	r.cmd.Stderr = os.Stderr
	if r.in, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = r.in.Close()
		if t.Failed() {
			_ = r.cmd.Process.Kill()
		}
		_ = r.cmd.Wait()
	})
	r.out = bufio.NewScanner(out)
	r.out.Buffer(nil, 1<<20)
	return r
}

// ask sends a line and returns the answer.
func (r *remote) ask(line string) string {
	r.t.Helper()
	if _, err := fmt.Fprintln(r.in, line); err != nil {
		r.t.Fatal(err)
	}
	if !r.out.Scan() {
		r.t.Fatalf("the load has ended: %v", r.out.Err())
	}
	return strings.TrimSpace(r.out.Text())
}

func (r *remote) sends() int {
	r.t.Helper()
	n, err := strconv.Atoi(r.ask("sends"))
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// more waits until so many more sends were acknowledged.
func (r *remote) more(n int) {
	r.t.Helper()
	from := r.sends()
	harness.Until(r.t, fmt.Sprintf("%d more sends", n), func() (bool, string) {
		now := r.sends()
		return now-from >= n, fmt.Sprint(now - from)
	})
}

func (r *remote) finish(what string, p promise) result {
	r.t.Helper()
	var res result
	if err := json.Unmarshal([]byte(r.ask("finish")), &res); err != nil {
		r.t.Fatal(err)
	}
	report(r.t, what, p, res)
	return res
}
