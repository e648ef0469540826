package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
)

// sent reads a request as a server would.
func sent(t *testing.T, request []byte) (*http.Request, fakeRequest) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	var req fakeRequest
	if err := json.Unmarshal(body, &req); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r, req
}

func TestRequests(t *testing.T) {
	t.Parallel()
	a, err := parseAddress("http://localhost:4566")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{leastBody, 128, 1 << 10, 64 << 10} {
		c := newClient(a, []byte(`http:\/\/h\/q`), 7, clientOptions{body: size, most: 3, waitSeconds: 20})
		putNumber(c.send[c.number:], 0xabc)
		r, req := sent(t, c.send)
		if r.Host != "localhost:4566" || r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" || r.Header.Get("Authorization") == "" {
			t.Errorf("got %v", r)
		}
		if req.QueueURL != "http://h/q" || len(req.MessageBody) != size || !json.Valid([]byte(req.MessageBody)) {
			t.Errorf("got a body of %d bytes, want %d: %.100s", len(req.MessageBody), size, req.MessageBody)
		}
		for _, body := range []string{req.MessageBody, `{\u0022n\u0022:\u0022#0000000000000abc`} {
			if n, ok := numberOf([]byte(body)); n != 0xabc || !ok {
				t.Errorf("the number of %.60s is %x, %v", body, n, ok)
			}
		}
		_, req = sent(t, c.sendBatch)
		if len(req.Entries) != 10 || len(req.Entries[9].MessageBody) != size || req.Entries[9].ID != "9" || req.Entries[0].MessageBody == req.Entries[1].MessageBody {
			t.Errorf("got %d entries", len(req.Entries))
		}
		if _, req = sent(t, c.receive); req.MaxNumberOfMessages != 3 || req.WaitTimeSeconds != 20 {
			t.Errorf("got %+v", req)
		}
		messages := []message{{receipt: []byte(`a\"b`)}, {receipt: []byte(`c`)}}
		if _, req = sent(t, a.appendRequest(nil, "DeleteMessage", appendDeleteBody(nil, c.queueURL, messages[0]))); req.ReceiptHandle != `a"b` {
			t.Errorf("got %+v", req)
		}
		_, req = sent(t, a.appendRequest(nil, "DeleteMessageBatch", appendDeleteBatchBody(nil, c.queueURL, messages)))
		if len(req.Entries) != 2 || req.Entries[0].ReceiptHandle != `a"b` || req.Entries[1].ReceiptHandle != "c" {
			t.Errorf("got %+v", req)
		}
	}
}

func TestBodiesDiffer(t *testing.T) {
	t.Parallel()
	a, _ := appendBody(nil, rand.New(rand.NewPCG(1, 0)), 1024)
	b, _ := appendBody(nil, rand.New(rand.NewPCG(2, 0)), 1024)
	if bytes.Equal(a, b) {
		t.Error("two clients send the same")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]address{
		"http://h":        {"h:80", "h", "/"},
		"http://h:1/a%20": {"h:1", "h:1", "/a%20"},
		"http://[::1]:9/": {"[::1]:9", "[::1]:9", "/"},
	} {
		if got, err := parseAddress(text); got != want || err != nil {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "h:1", "https://h", "http://", "http://h/?x", "http://u@h"} {
		if _, err := parseAddress(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
