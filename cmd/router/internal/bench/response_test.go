package bench

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestResponses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	for name, test := range map[string]struct {
		text   string
		bodies []string
		closes bool // after the last
	}{
		"length":       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, false},
		"pipelined":    {"HTTP/1.1 200 OK\r\ncontent-length:2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", []string{"hi", ""}, false},
		"no reason":    {"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, false},
		"long":         {"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + long, []string{long}, false},
		"chunks":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", []string{"hi0123456789"}, false},
		"long chunk":   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" + long + "\r\n0\r\n\r\n", []string{long}, false},
		"closes":       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, true},
		"until closed": {"HTTP/1.1 200 OK\r\n\r\n" + long, []string{long}, true},
		"1.0":          {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, true},
		"1.0 kept":     {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, false},
		"interim":      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", []string{"hi"}, false},
		"no content":   {"HTTP/1.1 204 No Content\r\n\r\n", []string{""}, false},
	} {
		for way, src := range map[string]io.Reader{
			"at once": strings.NewReader(test.text), "in bytes": iotest.OneByteReader(strings.NewReader(test.text)),
			"with its end": iotest.DataErrReader(strings.NewReader(test.text)),
		} {
			r := newResponseReader(src)
			var res response
			for _, want := range test.bodies {
				if err := r.read(&res); err != nil || string(res.body) != want {
					t.Errorf("%s, %s: got %v and %d bytes, want %d", name, way, err, len(res.body), len(want))
				}
			}
			if res.closes != test.closes {
				t.Errorf("%s, %s: closes is %v", name, way, res.closes)
			}
			if err := r.read(&res); err != io.EOF { //nolint:errorlint // exactly
				t.Errorf("%s, %s: at the end the error is %v", name, way, err)
			}
		}
	}
}

func TestBadResponses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 099 OK\r\n\r\n", "HTTP/1.1 2000\r\n\r\n", "hello\r\n\r\n", "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nhi\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*maxHead),
	} {
		var res response
		if err := newResponseReader(strings.NewReader(text)).read(&res); !errors.Is(err, errResponse) {
			t.Errorf("%.60q: the error is %v", text, err)
		}
	}
	for _, text := range []string{
		"HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
	} {
		var res response
		if err := newResponseReader(strings.NewReader(text)).read(&res); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: the error is %v", text, err)
		}
	}
}

// FuzzResponse compares with net/http: what both take, they take alike.
func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), uint8(3))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.0 503 Oh\r\nConnection: keep-alive\r\n\r\nto the end"), uint8(0))
	f.Add([]byte("HTTP/1.0 200 \r\nTrAnsfer-EnCoding:Chunked\r\n\r\n00\r\n\r\n"), uint8(1))
	f.Add([]byte("HTTP/1.0 200 \n\r\n\r\n"), uint8(72))
	f.Fuzz(func(t *testing.T, text []byte, piece uint8) {
		var ours response
		err := newResponseReader(&pieces{text, int(piece)}).read(&ours)
		if err != nil {
			return
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), &http.Request{Method: http.MethodPost})
		if err != nil || res.StatusCode/100 == 1 {
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return
		}
		if res.StatusCode != ours.status || !bytes.Equal(body, ours.body) {
			t.Errorf("got %d and %q, net/http has %d and %q", ours.status, ours.body, res.StatusCode, body)
		}
	})
}

// pieces gives a text in pieces of a size.
type pieces struct {
	text []byte
	size int
}

func (p *pieces) Read(to []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), p.size+1)], p.text)
	p.text = p.text[n:]
	return n, nil
}
