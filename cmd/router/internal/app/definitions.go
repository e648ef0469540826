package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// loaded is the operator's file as it is in force, and what takes a changed one over.
type loaded struct {
	*router
	webhooks atomic.Pointer[map[string]ingest.Source]
}

// owner is the name under which the file's definitions are in the catalog.
func (r *router) owner() string {
	if r.opts.Config == "" {
		return filePrefix + "built-in example"
	}
	return filePrefix + filepath.Base(r.opts.Config)
}

const filePrefix = "file:"

// readFile reads and checks the file, or the built-in example of dev. Without either it is empty.
func (r *router) readFile() (*config.Config, error) {
	env := os.LookupEnv
	if r.opts.Dev != nil {
		env = r.opts.Dev.env(r.url(), env)
	}
	if r.opts.Config == "" {
		var data []byte
		if r.opts.Dev != nil {
			data = exampleYAML
		}
		return config.Load("built-in example", data, env)
	}
	data, err := os.ReadFile(r.opts.Config)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return config.Load(r.opts.Config, data, env)
}

// url is where clients reach the router.
func (r *router) url() string {
	if r.opts.PublicURL != "" {
		return strings.TrimRight(r.opts.PublicURL, "/")
	}
	return "http://" + r.addr.String()
}

// apply makes what the file says be in force: all of it or nothing.
func (l *loaded) apply(ctx context.Context, file *config.Config) error {
	if l.opts.Config == "" && l.opts.Dev == nil {
		// No file was named. What one declared before stays as it is, because a forgotten flag must not delete anything.
		sources := map[string]ingest.Source{}
		l.webhooks.Store(&sources)
		for _, owner := range l.definitions.Owners() {
			if strings.HasPrefix(owner, filePrefix) {
				l.log.Warn().Str("declared_by", owner).Msg("definitions of an earlier file are still in force; name it with --config to change them")
			}
		}
		return l.rules.Reconcile(ctx)
	}
	if file.Account != l.account || file.Region != l.region {
		return fmt.Errorf("account and region are %s and %s since the router started, and change only when it starts again", l.account, l.region)
	}
	opts := catalog.DeclareOptions{Keep: l.keep, Prune: l.opts.Prune}
	for _, owner := range l.definitions.Owners() {
		if strings.HasPrefix(owner, filePrefix) && owner != l.owner() {
			opts.Replaces = append(opts.Replaces, owner) // the file was renamed
		}
	}
	result, err := l.definitions.Declare(ctx, l.owner(), file.Hash, file.Declarations(), opts)
	if err != nil {
		return err
	}
	sources := file.Webhooks
	l.webhooks.Store(&sources)
	for _, record := range result.Kept {
		l.log.Warn().Str(record.Table, record.Name.Name).
			Msg("not declared any more, but kept because it has messages; start with --prune to delete it")
	}
	if err := l.rules.Reconcile(ctx); err != nil {
		return err
	}
	if err := l.retireDeleted(ctx, result.Deleted); err != nil {
		return err
	}
	if !result.Unchanged {
		l.log.Info().Str("file", l.opts.Config).Uint64("revision", result.Revision).Int("created", len(result.Created)).
			Int("updated", len(result.Updated)).Int("deleted", len(result.Deleted)).Msg("definitions applied")
		if l.opts.Dev != nil && l.opts.Config != "" {
			l.opts.Dev.reloaded(len(result.Created), len(result.Updated), len(result.Deleted))
		}
	}
	return nil
}

// keep says that a queue with messages must not be deleted because it left the file.
func (l *loaded) keep(ctx context.Context, record catalog.Record) (bool, error) {
	if record.Table != queue.Table {
		return false, nil
	}
	stats, err := l.store.Stats(ctx, l.broker.Now(), []queue.ID{queue.IDFor(record.ID, queue.Own)})
	if err != nil {
		return false, err
	}
	return stats[0].Total() > 0, nil
}

// retireDeleted ends the queues of deleted definitions. A crash before the end leaves orphans for the next start.
func (l *loaded) retireDeleted(ctx context.Context, deleted []catalog.Record) error {
	for _, record := range deleted {
		switch record.Table {
		case queue.Table:
			if err := l.retire(ctx, queue.IDFor(record.ID, queue.Own)); err != nil {
				return err
			}
		case rules.BusTable:
			if err := l.retire(ctx, queue.IDFor(record.ID, queue.Own)); err != nil {
				return err
			}
			fallthrough
		case topic.Table, endpoint.FunctionTable:
			if err := l.retire(ctx, queue.IDFor(record.ID, queue.Deliveries)); err != nil {
				return err
			}
		}
	}
	return nil
}

// webhook returns a source of the file.
func (l *loaded) webhook(name string) (ingest.Source, bool) {
	source, ok := (*l.webhooks.Load())[name]
	return source, ok
}

// settle is how long the file must be left alone before it is read: editors write in several steps.
const settle = 100 * time.Millisecond

// watch takes the file anew when it changes, until ctx ends. A broken file is told of and changes nothing.
func (l *loaded) watch(ctx context.Context) error {
	if l.opts.Config == "" {
		<-ctx.Done()
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watching %s: %w", l.opts.Config, err)
	}
	defer watcher.Close()
	// The directory, because editors replace the file rather than write it; and so does a mounted Kubernetes ConfigMap.
	if err := watcher.Add(filepath.Dir(l.opts.Config)); err != nil {
		return fmt.Errorf("watching %s: %w", l.opts.Config, err)
	}
	timer := time.NewTimer(settle)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return errors.New("watching the file ended")
			}
			timer.Reset(settle)
		case err := <-watcher.Errors:
			l.log.Warn().Err(err).Msg("watching the configuration")
		case <-timer.C:
			l.reload(ctx)
		}
	}
}

func (l *loaded) reload(ctx context.Context) {
	file, err := l.readFile()
	if err == nil {
		err = l.apply(ctx, file)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if l.opts.Dev != nil {
		l.opts.Dev.broken(err)
		return
	}
	l.log.Error().Err(err).Str("file", l.opts.Config).Msg("configuration not taken; the running one stays in force")
}
