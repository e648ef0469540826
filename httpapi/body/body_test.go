package body_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/httpapi/body"
)

func request(data io.Reader, length int64) *http.Request {
	r := httptest.NewRequest("POST", "/", nil)
	r.Body, r.ContentLength = io.NopCloser(data), length
	return r
}

// TestRead reads bodies of any size, with and without a length, in pieces or at once: they are whole, or refused by their
// size alone, and the budget is as before when they are released.
func TestRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const limit = 100_000
		size := rapid.OneOf(rapid.IntRange(0, limit+10), rapid.SampledFrom([]int{4095, 4096, 4607, 4608, 4609, limit - 1, limit, limit + 1, 2 * limit})).Draw(t, "size")
		data := bytes.Repeat([]byte("0123456789a"), size/11+1)[:size]
		length := int64(-1)
		if rapid.Bool().Draw(t, "length is known") {
			length = int64(size)
		}
		var from io.Reader = bytes.NewReader(data)
		switch rapid.IntRange(0, 2).Draw(t, "reader") {
		case 1:
			from = iotest.DataErrReader(from)
		case 2:
			from = iotest.HalfReader(from)
		}
		budget := body.NewBudget(4*limit + 1<<16)
		r := request(from, length)
		var held body.Body
		budget.Hold(&held, r.Body)
		r.Body = &held
		got, err := body.Read(r, limit)
		if size > limit {
			if !errors.Is(err, body.ErrTooLarge) {
				t.Fatalf("%d bytes: %v", size, err)
			}
		} else if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes became %d: %v", size, len(got), err)
		}
		if used := budget.Used(); used < int64(cap(got)) {
			t.Fatalf("%d bytes of the budget are used for %d", used, cap(got))
		}
		held.Release()
		held.Release()
		if used := budget.Used(); used != 0 {
			t.Fatalf("%d bytes are still used", used)
		}
	})
}

// TestBudget checks that what is announced takes little, that what is there is bounded, and that it is given back.
func TestBudget(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	budget := body.NewBudget(2 * mib)
	hold := func(data io.Reader, length int64) (*body.Body, error) {
		r, held := request(data, length), &body.Body{}
		budget.Hold(held, r.Body)
		r.Body = held
		_, err := body.Read(r, mib)
		return held, err
	}
	for range 100 { // of each a byte has come, and then it broke off
		if _, err := hold(io.MultiReader(bytes.NewReader([]byte("x")), iotest.ErrReader(io.ErrUnexpectedEOF)), mib); !errors.Is(err, body.ErrBroken) {
			t.Fatal(err)
		}
	}
	if used := budget.Used(); used > 100*5<<10 {
		t.Errorf("a hundred bodies of which nothing has come take %d bytes", used)
	}
	first, err := hold(bytes.NewReader(make([]byte, mib)), mib)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold(bytes.NewReader(make([]byte, mib)), mib); !errors.Is(err, body.ErrOverloaded) || budget.Used() > 2*mib {
		t.Errorf("beyond the budget: %v, with %d bytes used", err, budget.Used())
	}
	first.Release()
	if _, err := hold(bytes.NewReader(make([]byte, mib/2)), mib/2); err != nil {
		t.Errorf("after a release: %v", err)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		r      *http.Request
		want   error
		closes bool
	}{
		{"announced too large", request(iotest.ErrReader(errors.New("it was read")), 11), body.ErrTooLarge, true},
		{"too large", request(bytes.NewReader(make([]byte, 11)), -1), body.ErrTooLarge, true},
		{"too slow", request(iotest.ErrReader(os.ErrDeadlineExceeded), 10), body.ErrSlow, true},
		{"broken off", request(iotest.ErrReader(io.ErrUnexpectedEOF), 10), body.ErrBroken, false},
		{"longer than announced", request(bytes.NewReader(make([]byte, 5000)), 1), body.ErrTooLarge, true},
	} {
		if _, err := body.Read(c.r, 10); !errors.Is(err, c.want) || body.CloseConnection(err) != c.closes {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if data, err := body.Read(httptest.NewRequest("GET", "/", nil), 10); len(data) != 0 || err != nil {
		t.Errorf("none: %q, %v", data, err)
	}
}
