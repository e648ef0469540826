package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Run measures what the options say. The report is what was measured until an error or the end of ctx, and has the errors
// of single requests, which do not end the run: see Report.Err. When Run returns, all processes it started have ended and
// their data is removed.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	l, err := o.launcher()
	if err != nil {
		return nil, err
	}
	r := &runner{options: &o, launcher: l, report: newReport(&o, inMemory(l.dir))}
	r.progress = progress{to: o.Progress, terminal: o.Terminal, total: r.measurements()}
	defer r.progress.end()
	for _, name := range o.Scenarios {
		s, _ := scenarioNamed(name)
		for _, body := range o.Bodies {
			for _, clients := range o.Concurrency {
				if err := r.cell(ctx, cell{s, body, clients}); err != nil {
					return r.report, err
				}
			}
		}
	}
	return r.report, nil
}

// cell is one combination of what is measured.
type cell struct {
	scenario scenario
	body     int
	clients  int
}

func (c cell) rounds(o *Options) int {
	if c.scenario.once {
		return 1
	}
	return o.Rounds
}

type runner struct {
	options  *Options
	launcher launcher
	report   *Report
	progress progress
}

// target is a server to measure.
type target struct {
	name    string
	address address
	// child is nil for a server that somebody else runs.
	child *child
}

// The names of targets.
const (
	targetServer = "server"
	targetHTTP   = "F1"
	targetFile   = "F2"
)

// names returns which targets a scenario is measured on.
func (r *runner) names(s scenario) []string {
	var names []string
	if r.options.Floors != FloorsOnly {
		names = append(names, targetServer)
	}
	if r.options.Floors != FloorsFalse && s.floors {
		names = append(names, targetHTTP, targetFile)
	}
	return names
}

// measurements counts what there is to do.
func (r *runner) measurements() int {
	n := 0
	for _, name := range r.options.Scenarios {
		s, _ := scenarioNamed(name)
		n += len(r.names(s)) * (cell{scenario: s}).rounds(r.options) * len(r.options.Bodies) * len(r.options.Concurrency)
	}
	return n
}

// cell measures one combination, with processes of its own: what one leaves behind must not slow down the next.
func (r *runner) cell(ctx context.Context, c cell) (err error) {
	var targets []*target
	defer func() {
		for _, t := range targets {
			if t.child != nil {
				err = errors.Join(err, t.child.stop())
			}
		}
	}()
	for _, name := range r.names(c.scenario) {
		t, err := r.start(ctx, name)
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	collected := r.report.collect(c)
	defer collected.finish()
	for round := range c.rounds(r.options) {
		for i := range targets {
			// Each round begins with another, so that none always has the same before it.
			t := targets[(round+i)%len(targets)]
			r.progress.begin(fmt.Sprintf("%s %s, %d clients, round %d of %d, %s",
				c.scenario.name, size(c.body), c.clients, round+1, c.rounds(r.options), t.name))
			phases, err := r.measure(ctx, c, t, round)
			if ctx.Err() != nil {
				return fmt.Errorf("interrupted: %w", ctx.Err()) // a round cut short is no figure
			}
			for _, p := range phases {
				collected.add(t.name, p)
				r.progress.done(p)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) start(ctx context.Context, name string) (t *target, err error) {
	t = &target{name: name}
	switch {
	case name == targetHTTP || name == targetFile:
		t.child, err = r.launcher.floor(ctx, name == targetFile)
	case r.options.Addr != "":
		t.address, err = parseAddress(r.options.Addr)
		return t, err
	default:
		t.child, err = r.launcher.router(ctx, r.options.CPUProfiles != "")
	}
	if err != nil {
		return nil, err
	}
	t.address = t.child.address
	return t, nil
}

// measure does one measurement, on a queue that it makes and deletes.
func (r *runner) measure(ctx context.Context, c cell, t *target, round int) (phases []phase, err error) {
	queue := fmt.Sprintf("bench-%s-%x", c.scenario.name, time.Now().UnixNano())
	queueURL, err := createQueue(ctx, t.address, queue)
	if err != nil {
		return nil, fmt.Errorf("%s at %s: %w", t.name, t.address.host, err)
	}
	defer func() {
		// What another's server has of it goes even if the run was interrupted.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if t.child == nil || err == nil {
			err = errors.Join(err, deleteQueue(ctx, t.address, queueURL))
		}
	}()
	m := &measurement{
		options: r.options, address: t.address, queueURL: queueURL, body: c.body, clients: c.clients, server: t.child,
		profile: func(context.Context, string, time.Time) func() error { return func() error { return nil } },
	}
	if dir := r.options.CPUProfiles; dir != "" && t.name == targetServer {
		p := profiler{debug: t.child.debug, duration: r.options.Duration}
		p.file = filepath.Join(dir, fmt.Sprintf("%%s-%s-c%d-round%d.pprof", size(c.body), c.clients, round+1))
		m.profile = p.take
	}
	phases, err = c.scenario.run(m, ctx)
	if t.child != nil {
		err = errors.Join(err, t.child.ended())
	}
	return phases, err
}
