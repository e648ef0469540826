package queue_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
)

func TestReceiptRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := queue.Receipt{
			Queue: queue.ID(rapid.Uint64().Draw(t, "queue")), Sequence: rapid.Uint64().Draw(t, "sequence"),
			Locator: rapid.Uint64().Draw(t, "locator"), Nonce: rapid.Uint64().Draw(t, "nonce"),
		}
		text := r.String()
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Fatalf("%q has other characters than letters, digits, _ and -", text)
		}
		back, err := queue.ParseReceipt(text)
		if err != nil || back != r {
			t.Fatalf("%q is %+v, %v; want %+v", text, back, err, r)
		}
		// A changed character is noticed.
		i := rapid.IntRange(0, len(text)-1).Draw(t, "i")
		c := rapid.SampledFrom([]byte("Aa0_-+/= \x00")).Draw(t, "c")
		if text[i] != c {
			if got, err := queue.ParseReceipt(text[:i] + string(c) + text[i+1:]); !errors.Is(err, queue.ErrReceiptInvalid) {
				t.Fatalf("%q with %q at %d was taken for %+v, %v", text, c, i, got, err)
			}
		}
	})
}

func FuzzParseReceipt(f *testing.F) {
	f.Add("")
	f.Add(queue.Receipt{Queue: 1, Sequence: 2, Locator: 3, Nonce: 4}.String())
	f.Fuzz(func(t *testing.T, text string) {
		r, err := queue.ParseReceipt(text)
		if err != nil {
			if !errors.Is(err, queue.ErrReceiptInvalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if r.String() != text {
			t.Fatalf("%q was taken, but is written %q", text, r.String())
		}
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// The store has seen a time an hour ahead: the clock starts there and goes on slower until the wall is there too.
		ahead := time.Now().Add(time.Hour)
		c := queue.NewClock(ahead)
		last := c.Now()
		if last.Before(ahead.Truncate(time.Millisecond)) {
			t.Fatalf("the clock starts at %v, before %v", last, ahead)
		}
		for range 12 * 60 {
			<-time.After(time.Minute)
			now := c.Now()
			if step := now.Sub(last); step < 54*time.Second-time.Second || step > 66*time.Second {
				t.Fatalf("in a minute the clock went on by %v", step)
			}
			last = now
		}
		if skew := c.Skew(); skew < -time.Second || skew > time.Second {
			t.Errorf("after twelve hours the clock is still off by %v", skew)
		}
	})
}
