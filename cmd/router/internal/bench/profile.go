package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profiler takes a CPU profile of a server into a file for each phase of a measurement.
type profiler struct {
	debug    string // the address of the server's profiles
	file     string // without what is appended for the phase
	duration time.Duration
}

// take begins a profile at a time and returns a function that waits for its end.
func (p profiler) take(ctx context.Context, phase string, at time.Time) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- p.write(ctx, phase, at) }()
	return func() error { return <-done }
}

func (p profiler) write(ctx context.Context, phase string, at time.Time) (err error) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	seconds := max(int(p.duration/time.Second), 1) // the endpoint takes whole seconds
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", p.debug, seconds)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return fmt.Errorf("taking a profile: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("taking a profile: %s answered %s", url, res.Status)
	}
	name := fmt.Sprintf(p.file, phase)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, res.Body)
	return err
}
