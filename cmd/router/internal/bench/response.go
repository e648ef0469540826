package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// What a response may take. A receive of ten messages of 1 MiB, escaped, is below.
const (
	maxHead = 64 << 10
	maxBody = 32 << 20
)

var errResponse = errors.New("not an HTTP/1.1 response")

// response is one answer. Its body is the reader's and holds until the next read.
type response struct {
	status int
	body   []byte
	// closes says that the server closes the connection after it.
	closes bool
}

// responseReader reads the answers of a connection one after the other, without allocating once its buffers are large
// enough. It knows what servers answer a POST: bodies with a length, in chunks, or up to the end of the connection.
type responseReader struct {
	src io.Reader
	// buf[start:end] has been received and not been read.
	buf        []byte
	start, end int
	// begun says that something has been received since its user made it false.
	begun  bool
	chunks []byte
}

func newResponseReader(src io.Reader) *responseReader {
	return &responseReader{src: src, buf: make([]byte, 4<<10)}
}

// reset goes on with a new connection.
func (r *responseReader) reset(src io.Reader) { r.src, r.start, r.end = src, 0, 0 }

// read reads the next response. The error is io.EOF only if the connection ended before its first byte.
func (r *responseReader) read(res *response) error {
	for {
		h, err := r.head()
		if err != nil {
			return err
		}
		if h.status/100 == 1 {
			continue // an interim response; the real one follows
		}
		*res = response{status: h.status, closes: h.closes}
		switch {
		case h.status == 204 || h.status == 304:
		case h.chunked:
			res.body, err = r.chunked()
		case h.length >= 0:
			res.body, err = r.take(h.length)
		default:
			res.closes = true
			res.body, err = r.rest()
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
}

// head is what the headers say about the connection.
type head struct {
	status  int
	length  int // -1 if it is not said
	chunked bool
	closes  bool
}

func (r *responseReader) head() (head, error) {
	searched := 0
	for {
		text := r.buf[r.start:r.end]
		if i := bytes.Index(text[max(searched-3, 0):], []byte("\r\n\r\n")); i >= 0 {
			n := max(searched-3, 0) + i
			r.start += n + 4
			return parseHead(text[:n+2])
		}
		searched = len(text)
		if searched > maxHead {
			return head{}, fmt.Errorf("%w: its headers do not end", errResponse)
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) && searched > 0 {
				err = io.ErrUnexpectedEOF
			}
			return head{}, err
		}
	}
}

// parseHead reads the status line and the headers, each ended by CR LF.
func parseHead(text []byte) (head, error) {
	line, rest, _ := bytes.Cut(text, []byte("\r\n"))
	// "HTTP/1.1 200 OK"; the reason may be missing.
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7] != '0' && line[7] != '1' || line[8] != ' ' || len(line) > 12 && line[12] != ' ' ||
		bytes.IndexByte(line, '\n') >= 0 { // some take it for the end of a line
		return head{}, fmt.Errorf("%w: it begins with %.40q", errResponse, line)
	}
	old := line[7] == '0'
	h := head{length: -1, closes: old}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return head{}, fmt.Errorf("%w: its status is %q", errResponse, line[9:12])
		}
		h.status = h.status*10 + int(c-'0')
	}
	if h.status < 100 {
		return head{}, fmt.Errorf("%w: its status is %q", errResponse, line[9:12])
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || bytes.IndexByte(line, '\n') >= 0 {
			return head{}, fmt.Errorf("%w: it has the header %.40q", errResponse, line)
		}
		if err := h.header(line[:colon], bytes.Trim(line[colon+1:], " \t")); err != nil {
			return head{}, err
		}
	}
	if old && h.chunked {
		return head{}, fmt.Errorf("%w: HTTP/1.0 has no chunks", errResponse) // some ignore the header, which is as good a guess
	}
	return h, nil
}

// header takes note of one header; the length of its name rules out most.
func (h *head) header(name, value []byte) error {
	switch {
	case len(name) == len("Content-Length") && bytes.EqualFold(name, []byte("Content-Length")):
		n, ok := decimal(value)
		if !ok || n > maxBody || h.length >= 0 && h.length != n {
			return fmt.Errorf("%w: its Content-Length is %.40q", errResponse, value)
		}
		h.length = n
	case len(name) == len("Transfer-Encoding") && bytes.EqualFold(name, []byte("Transfer-Encoding")):
		if !bytes.EqualFold(value, []byte("chunked")) {
			return fmt.Errorf("%w: its Transfer-Encoding is %.40q", errResponse, value)
		}
		h.chunked = true
	case len(name) == len("Connection") && bytes.EqualFold(name, []byte("Connection")):
		if bytes.EqualFold(value, []byte("close")) {
			h.closes = true
		} else if bytes.EqualFold(value, []byte("keep-alive")) {
			h.closes = false
		}
	}
	return nil
}

// decimal reads a number of digits only.
func decimal(text []byte) (int, bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// take reads n bytes.
func (r *responseReader) take(n int) ([]byte, error) {
	for r.end-r.start < n {
		r.reserve(n)
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	body := r.buf[r.start : r.start+n]
	r.start += n
	return body, nil
}

// rest reads up to the end of the connection.
func (r *responseReader) rest() ([]byte, error) {
	for {
		if r.end-r.start > maxBody {
			return nil, fmt.Errorf("%w: its body does not end", errResponse)
		}
		err := r.fill()
		if errors.Is(err, io.EOF) {
			return r.take(r.end - r.start)
		}
		if err != nil {
			return nil, err
		}
	}
}

// chunked reads a body in chunks, and the trailers behind it.
func (r *responseReader) chunked() ([]byte, error) {
	r.chunks = r.chunks[:0]
	for {
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		text, _, _ := bytes.Cut(line, []byte(";")) // extensions mean nothing to us
		n, err := strconv.ParseUint(string(bytes.TrimRight(text, " \t")), 16, 31)
		if err != nil || len(r.chunks)+int(n) > maxBody {
			return nil, fmt.Errorf("%w: a chunk has the size %.40q", errResponse, line)
		}
		if n == 0 {
			break
		}
		data, err := r.take(int(n))
		if err != nil {
			return nil, err
		}
		r.chunks = append(r.chunks, data...)
		if line, err = r.line(); err != nil || len(line) > 0 {
			return nil, errors.Join(err, fmt.Errorf("%w: a chunk is longer than it said", errResponse))
		}
	}
	for {
		if line, err := r.line(); err != nil || len(line) == 0 {
			return r.chunks, err
		}
	}
}

// line reads up to the next CR LF and returns what was before it.
func (r *responseReader) line() ([]byte, error) {
	searched := 0
	for {
		text := r.buf[r.start:r.end]
		if i := bytes.Index(text[max(searched-1, 0):], []byte("\r\n")); i >= 0 {
			n := max(searched-1, 0) + i
			r.start += n + 2
			if bytes.IndexByte(text[:n], '\n') >= 0 {
				return nil, fmt.Errorf("%w: a line ends without CR", errResponse)
			}
			return text[:n], nil
		}
		if searched = len(text); searched > maxHead {
			return nil, fmt.Errorf("%w: a line does not end", errResponse)
		}
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
}

// fill receives more, at least one byte.
func (r *responseReader) fill() error {
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.end == len(r.buf) {
		r.reserve(r.end - r.start + 1)
	}
	for range 100 {
		n, err := r.src.Read(r.buf[r.end:])
		if r.end += n; n > 0 {
			r.begun = true
			return nil // an error comes again
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// reserve makes room for n bytes from start on.
func (r *responseReader) reserve(n int) {
	if r.start+n <= len(r.buf) {
		return
	}
	to := r.buf
	if n > len(r.buf) {
		to = make([]byte, max(n, 2*len(r.buf)))
	}
	r.end = copy(to, r.buf[r.start:r.end])
	r.start, r.buf = 0, to
}
