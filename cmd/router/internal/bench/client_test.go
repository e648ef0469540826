package bench

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// rawServer answers every so many bytes with the same text, and allocates nothing for it.
func rawServer(t testing.TB, request int, answer string) address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf, out := make([]byte, request), []byte(answer)
		for {
			if _, err := io.ReadFull(conn, buf); err != nil {
				return
			}
			if _, err := conn.Write(out); err != nil {
				return
			}
		}
	}()
	a, err := parseAddress("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestSendingAllocatesNothing(t *testing.T) { // alone: it counts what the whole process allocates
	probe := newClient(address{host: "127.0.0.1:12345", path: "/"}, []byte("q"), 0, clientOptions{body: 1024, most: 1})
	a := rawServer(t, len(probe.send), "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"MessageId\":\"1\"}")
	a.host = "127.0.0.1:12345" // of the same length
	c := newClient(a, []byte("q"), 0, clientOptions{body: 1024, most: 1})
	defer c.close()
	ctx := t.Context()
	var err error
	n := testing.AllocsPerRun(200, func() {
		if e := c.sendOne(ctx); e != nil {
			err = e
		}
	})
	if err != nil || n > 0 {
		t.Errorf("%v allocations, %v", n, err)
	}
}

func TestReconnects(t *testing.T) {
	t.Parallel()
	closing := false // alternately the server says that it closes, or just does
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if closing = !closing; closing {
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, `{"MessageId":"1"}`)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{\"MessageId\":\"1\"}")
		conn.Close()
	}))
	defer s.Close()
	a, err := parseAddress(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(a, []byte("q"), 0, clientOptions{body: 1024, most: 1})
	defer c.close()
	for range 10 {
		if err := c.sendOne(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.tally.reconnects == 0 {
		t.Error("no connection was replaced")
	}
}

func TestBadAnswersAreErrors(t *testing.T) {
	t.Parallel()
	var answer string
	status := 200
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		fmt.Fprint(w, answer)
	}))
	defer s.Close()
	a, err := parseAddress(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(a, []byte("q"), 0, clientOptions{body: 1024, most: 1})
	defer c.close()
	ctx := t.Context()
	expect := func(want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want one with %q", err, want)
		}
	}
	answer = `{}`
	expect("no MessageId", c.sendOne(ctx))
	expect("0 MessageIds instead of 10", c.sendTen(ctx))
	answer = `{"Successful":[],"Failed":[{"Id":"1","Code":"Oh"}]}`
	expect(`1 entries failed, the first: {"Id":"1","Code":"Oh"}`, c.sendTen(ctx))
	answer = `{"Messages":[{"MessageId":"1"}]}`
	expect("no ReceiptHandle", c.receiveSome(ctx))
	answer = `<html>`
	expect("not the JSON", c.receiveSome(ctx))
	status, answer = 503, "busy"
	expect("the server answered 503: busy", c.sendOne(ctx))
}

func BenchmarkSend(b *testing.B) {
	l := launcher{binary: testBinary(b), dir: b.TempDir()}
	f, err := l.floor(b.Context(), false)
	if err != nil {
		b.Fatal(err)
	}
	defer f.stop()
	cr := newCrew(f.address, []byte("q"), 64, clientOptions{body: 1024, most: 1})
	defer cr.close()
	cr.each(func(c *client) {
		for range b.N/64 + 1 {
			if err := c.sendOne(b.Context()); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
