package tests

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestFullFromTheStart starts a router that demands more space than any disk has: it runs, says so once, tells it in its
// metrics,
// and takes nothing new.
func TestFullFromTheStart(t *testing.T) {
	t.Parallel()
	harness.EmbeddedOnly(t, "it is the disk that is full")
	r := harness.Start(t, harness.Options{Env: []string{"ROUTER_MIN_FREE=1000000TiB"}})
	r.Stderr.WaitFor(t, "the store is full")
	answer := r.Do(http.MethodPost, "/v1/events", nil, `{"source":"s","type":"t"}`)
	if answer.Status != http.StatusServiceUnavailable || !strings.Contains(answer.String(), "store_full") {
		t.Errorf("a publish was answered %s", answer)
	}
	if metrics := r.Do(http.MethodGet, "/metrics", nil, ""); !strings.Contains(metrics.String(), "\nrouter_store_full 1") ||
		!strings.Contains(metrics.String(), "\nrouter_store_free_bytes ") || !strings.Contains(metrics.String(), "\nrouter_endpoint_disabled{") {
		t.Errorf("the metrics are %s", metrics)
	}
	r.Stop()
	if n := strings.Count(r.Stderr.String(), "the store is full"); n != 1 {
		t.Errorf("that it is full was logged %d times", n)
	}
}

// TestLogOfBadAnswers calls a function that sends more than an answer. What HTTP clients say of that has the form of the log, too.
func TestLogOfBadAnswers(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 1<<16)
				for {
					if _, err := c.Read(b); err != nil {
						return
					}
					_, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\nhello"))
				}
			}()
		}
	}()
	r := harness.Start(t, harness.Options{Config: `
functions: {talks: {url: "http://` + l.Addr().String() + `/"}}
rules: [{name: all, when: {source: [s]}, targets: [{function: talks}]}]
`})
	r.Do(http.MethodPost, "/v1/events", nil, `{"source":"s","type":"t"}`)
	line := r.Stderr.WaitFor(t, "Unsolicited response")
	if !json.Valid([]byte(line)) || strings.Contains(line, "hello") { // what it says may be a secret
		t.Errorf("the log has the line %s", line)
	}
}

// TestProfilesOnAnyPort has the router choose the port of its profiles, which its log tells.
func TestProfilesOnAnyPort(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Args: []string{"--debug-listen", "127.0.0.1:0"}})
	var entry struct{ Address string }
	if err := json.Unmarshal([]byte(r.Stderr.WaitFor(t, `"message":"profiles are served"`)), &entry); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+entry.Address+"/debug/pprof/cmdline", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(body), "--debug-listen") {
		t.Errorf("%s answered %s %q, %v", entry.Address, res.Status, body, err)
	}
}
