package redisstore

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestLibraryRevisions(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	direct := s.Client()
	ctx := t.Context()
	revised := func(revision, more string) Library {
		l := testLibrary
		l.Code = strings.Replace(l.Code, "-- revision: 2\n", "-- revision: "+revision+"\n"+more, 1)
		return l
	}
	loaded := func() string {
		t.Helper()
		found, err := direct.FunctionList(ctx, redis.FunctionListQuery{LibraryNamePattern: "lt1", WithCode: true}).Result()
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		return found[0].Code
	}
	for _, step := range []struct {
		load, want Library
	}{
		{testLibrary, testLibrary},
		{testLibrary, testLibrary},
		{revised("3", ""), revised("3", "")},
		{testLibrary, revised("3", "")}, // an older node leaves it
		{revised("3", "-- changed\n"), revised("3", "-- changed\n")},
		{revised("10", ""), revised("10", "")},
		{revised("9", ""), revised("10", "")},
	} {
		if err := step.load.load(ctx, direct); err != nil {
			t.Fatal(err)
		}
		if got := loaded(); got != step.want.Code {
			t.Errorf("loaded revision %d, want %d", revision(got), revision(step.want.Code))
		}
	}
	if err := (Library{Name: "lt2", Code: testLibrary.Code}).validate(); err == nil {
		t.Error("a library with another name than its code's is valid")
	}
	if _, err := dial(ctx, Options{URL: urlOf(s)}, Library{Name: "lt3", Code: "#!lua name=lt3\nnot lua"}); !isRefusal(err) {
		t.Errorf("a library that does not compile: %v", err)
	}
}

// A function that the library does not have is an error of ours, not of the servers, and is not tried for ever.
func TestNoSuchFunction(t *testing.T) {
	t.Parallel()
	c := connect(t, Options{URL: urlOf(redistest.Start(t, inMemory)), RetryFor: 100 * time.Millisecond})
	if _, err := c.call(t.Context(), 1, "lt1_none", 0); err == nil || !strings.Contains(err.Error(), "Function not found") {
		t.Error(err)
	}
}
