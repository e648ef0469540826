// Package body reads the bodies of requests: in time, up to a limit each, and within a budget of memory for all that are
// in progress.
package body

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// What a body can fail with.
var (
	// ErrTooLarge says that the body is larger than the limit. The rest of it is on its way: close the connection.
	ErrTooLarge = errors.New("the body is too large")
	// ErrSlow says that the body did not come before the connection's deadline for reading. Close the connection.
	ErrSlow = errors.New("the body did not come in time")
	// ErrOverloaded says that the bodies in progress take all the memory they may. Try again; close the connection.
	ErrOverloaded = errors.New("the bodies of too many requests are in progress")
	// ErrBroken says that the body broke off or is not framed as HTTP has it.
	ErrBroken = errors.New("the body could not be read to its end")
)

const (
	lingerBytes = 4 << 20
	lingerTime  = time.Second
)

// Linger sends what has been answered and then throws away some of the body that is still on its way. A connection that is
// closed under a client that writes is reset, and many clients never come to read the answer then.
func Linger(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, lingerBytes) // the answer is sent; nothing depends on the rest
}

// CloseConnection reports whether an error of Read, wrapped or not, leaves a connection on which the rest of the body is
// not worth waiting for.
func CloseConnection(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrSlow) || errors.Is(err, ErrOverloaded)
}

// Budget bounds the memory that bodies take, over all requests in progress. It is safe for concurrent use.
type Budget struct {
	limit int64
	used  atomic.Int64
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget { return &Budget{limit: bytes} }

// Used is how many bytes are taken.
func (b *Budget) Used() int64 { return b.used.Load() }

func (b *Budget) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

// Body is the body of a request whose memory counts against a budget, from when Read makes room for it until Release. The
// zero value is not usable: see Budget.Hold. It belongs to the goroutine of the request.
type Body struct {
	io.ReadCloser
	budget *Budget
	held   int64
}

// Hold puts in place a Body for the body of a request. Whoever calls it calls Release when the request is over.
func (b *Budget) Hold(to *Body, body io.ReadCloser) { *to = Body{ReadCloser: body, budget: b} }

// Release gives back what the body took. The zero Body has taken nothing.
func (b *Body) Release() {
	if b.held > 0 {
		b.budget.used.Add(-b.held)
		b.held = 0
	}
}

// grow takes as much of the budget as a buffer of so many bytes needs.
func (b *Body) grow(size int) error {
	if more := int64(size) - b.held; more > 0 {
		if !b.budget.take(more) {
			return ErrOverloaded
		}
		b.held += more
	}
	return nil
}

const (
	// first is how much memory a body gets before any of it has come, whatever its length is said to be: many slow clients
	// must not hold much. More comes in steps of growth times what has come.
	first  = 4 << 10
	growth = 4
	// slack is room to see the end of a body in the read that brings its last bytes.
	slack = 512
)

// Read reads the whole body of a request, up to limit bytes; a body that announces more fails before any of it is read. The
// memory counts against the budget of a body that Hold put in place. An empty body is empty, or nil. The error is one of
// those above.
func Read(r *http.Request, limit int64) ([]byte, error) { return ReadInto(nil, r, limit) }

// ReadInto is Read into the memory of buf, as far as that goes; what buf held is lost. It returns buf's memory, empty, with
// an error.
func ReadInto(buf []byte, r *http.Request, limit int64) ([]byte, error) {
	data := buf[:0]
	if r.ContentLength > limit {
		return data, ErrTooLarge
	}
	if r.ContentLength == 0 || r.Body == nil {
		return data, nil
	}
	most := int(limit) + slack
	if r.ContentLength > 0 {
		most = int(r.ContentLength) + slack
	}
	held, _ := r.Body.(*Body)
	for size := min(max(first+slack, cap(data)), most); ; size = min(growth*size, most) {
		if held != nil {
			if err := held.grow(size); err != nil {
				return data[:0], err
			}
		}
		if cap(data) < size {
			data = append(make([]byte, 0, size), data...)
		}
		for len(data) < size {
			n, err := r.Body.Read(data[len(data):size])
			data = data[:len(data)+n]
			switch {
			case int64(len(data)) > limit:
				return data[:0], ErrTooLarge
			case err == io.EOF: //nolint:errorlint // the contract of io.Reader
				return data, nil
			case errors.Is(err, os.ErrDeadlineExceeded):
				return data[:0], ErrSlow
			case err != nil:
				return data[:0], ErrBroken
			}
		}
		if len(data) >= most { // it is longer than announced, which net/http rules out
			return data[:0], ErrBroken
		}
	}
}
