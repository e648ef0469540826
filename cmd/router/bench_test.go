package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/bench"
)

func TestBenchFlags(t *testing.T) {
	t.Parallel()
	var f benchFlags
	flags := pflag.NewFlagSet("sqs", pflag.ContinueOnError)
	f.add(flags)
	o := f.options()
	if err := o.Validate(); err != nil {
		t.Errorf("the defaults are wrong: %v", err)
	}
	if strings.Join(o.Scenarios, " ") != "send send-batch receive-delete receive-delete-1 round-trip long-poll" || o.Duration != 3*time.Second {
		t.Errorf("got %+v", o)
	}
	if err := flags.Parse([]string{"--body", "128B,1KiB,65536", "--concurrency", "1,8", "--floors=false", "--scenario", "backlog"}); err != nil {
		t.Fatal(err)
	}
	o = f.options()
	if f.bodies.String() != "128B,1KiB,64KiB" || len(o.Concurrency) != 2 || o.Floors != bench.FloorsFalse || len(o.Scenarios) != 1 {
		t.Errorf("got %+v", o)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
}

func TestBenchUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"bench"}, {"bench", "sns"}, {"bench", "sqs", "x"}, {"bench", "sqs", "--body", "1kb"}, {"bench", "sqs", "--scenario", "x"},
		{"bench", "sqs", "--addr", "localhost"}, {"bench", "sqs", "--floors=perhaps"},
	} {
		cmd := command()
		cmd.SetArgs(args)
		cmd.SetOut(io.Discard)
		if e, ok := errors.AsType[*exitError](cmd.ExecuteContext(t.Context())); !ok || e.code != exitUsage {
			t.Errorf("%q: the error is %v", args, e)
		}
	}
}

func TestBenchWrites(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.json")
	for target, wantTable := range map[string]bool{"": true, "-": false, file: true} {
		var out strings.Builder
		f := benchFlags{json: target}
		if err := f.write(&out, &bench.Report{Server: "http://h"}); err != nil {
			t.Error(err)
		}
		if got := strings.HasPrefix(out.String(), "http://h on "); got != wantTable {
			t.Errorf("%q: got %s", target, &out)
		}
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), `"server": "http://h"`) {
		t.Errorf("got %s, %v", text, err)
	}
}
