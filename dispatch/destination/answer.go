package destination

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// readable decodes the body of an answer that is compressed, as calls allow: only what can be read is of use to people, and
// secrets are found in it. Nothing decides by it. A body that can not be decoded is left out.
func readable(r *endpoint.Result) {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if len(r.Body) == 0 || encoding == "" || encoding == "identity" {
		return
	}
	decoded, more := decode(encoding, r.Body)
	r.Body, r.Truncated = decoded, r.Truncated || more
	r.Header.Del("Content-Encoding")
	r.Header.Del("Content-Length")
}

// decode returns at most as much as is kept of an answer, and whether there is, or may be, more.
func decode(encoding string, body []byte) (decoded []byte, more bool) {
	compressed := bytes.NewReader(body)
	var from io.Reader
	var err error
	switch encoding {
	case "gzip", "x-gzip":
		from, err = gzip.NewReader(compressed)
	case "deflate":
		from, err = inflate(compressed)
	default:
		return nil, true
	}
	if err != nil {
		return nil, true
	}
	decoded, err = io.ReadAll(io.LimitReader(from, endpoint.MaxResponseBody+1))
	if len(decoded) > endpoint.MaxResponseBody {
		return decoded[:endpoint.MaxResponseBody], true
	}
	return decoded, err != nil && !errors.Is(err, io.EOF)
}

// inflate reads both forms that go by the name of deflate: with zlib's head, as it should be, and without.
func inflate(compressed io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(compressed)
	head, err := buffered.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}
