package dispatch_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/queue"
)

func TestConfig(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for field, cfg := range map[string]dispatch.Config{
		"attempt_retention": {AttemptRetention: -1},
		"attempt_max_bytes": {AttemptMaxBytes: -1},
		"max_in_flight":     {MaxInFlight: -1},
		"senders":           {Senders: map[string]dispatch.Sender{"queue": &sender{}}},
	} {
		_, err := dispatch.New(e.broker, e.defs, cfg)
		if invalid, ok := errors.AsType[*queue.InvalidError](err); !ok || invalid.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, test := range []struct {
		cfg  dispatch.Config
		want []queue.Expiry
	}{
		{dispatch.Config{}, nil},
		{dispatch.Config{Attempts: 9}, []queue.Expiry{{Queue: 9, Kind: queue.Log, Retention: 7 * 24 * time.Hour, MaxBytes: 1 << 30}}},
		{
			dispatch.Config{Attempts: 9, AttemptRetention: time.Hour, AttemptMaxBytes: 5},
			[]queue.Expiry{{Queue: 9, Kind: queue.Log, Retention: time.Hour, MaxBytes: 5}},
		},
	} {
		d, err := dispatch.New(e.broker, e.defs, test.cfg)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Expiries()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}
