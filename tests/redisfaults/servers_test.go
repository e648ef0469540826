package redisfaults

import (
	"context"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// ask sends a command that has to succeed.
func ask(t testing.TB, s *redistest.Server, args ...any) any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := s.Do(ctx, args...)
	if err != nil {
		t.Fatalf("%s: %v: %v", s.Addr(), args, err)
	}
	return answer
}
