package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
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
)

// loaded is the operator's file as it is in force, and what takes a changed one over.
type loaded struct {
	*router
	webhooks atomic.Pointer[map[string]ingest.Source]
	egress   endpoint.Allow // as the router started with it
	// For apply and reload alone: of whom has been told that they are kept, and whether the last file was refused.
	kept    map[uint64]bool
	refused bool
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
	if tcp, ok := r.addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return "http://127.0.0.1:" + strconv.Itoa(tcp.Port) // one address of all that it listens on
	}
	return "http://" + r.addr.String()
}

// warnOfURL tells of links that nobody else could follow: those that messages hold, which can not be told by which address a
// subscriber reaches the router. A developer has the subscribers on the same machine.
func (r *router) warnOfURL() {
	tcp, ok := r.addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() && r.opts.PublicURL == "" && r.opts.Dev == nil {
		r.log.Warn().Str("url", r.url()).Msg("the links in messages of topics (SubscribeURL, UnsubscribeURL, SigningCertURL) begin with this url, " +
			"which other machines can not follow; say with --public-url how they reach the router")
	}
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
	if !reflect.DeepEqual(file.Egress, l.egress) {
		return errors.New("egress is what it was when the router started, and changes only when it starts again")
	}
	before := l.definitions.Snapshot()
	if err := l.checkChanges(file); err != nil {
		return err
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
	kept := map[uint64]bool{}
	for _, record := range result.Kept {
		kept[record.ID] = true
		if l.kept[record.ID] {
			continue // said already
		}
		l.log.Warn().Str(record.Table, record.Name.Name).
			Msg("not declared any more, but kept because it has messages; start with --prune to delete it")
	}
	l.kept = kept
	if err := l.rules.Reconcile(ctx); err != nil {
		return err
	}
	if err := l.broker.Spread(ctx); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// What is done by and by (see tidy) need not keep everything else from being in force.
		l.log.Warn().Err(err).Str("component", "store").Msg("spreading queues over partitions; trying again")
	}
	l.retirements.addDeleted(result.Deleted, before)
	if !result.Unchanged {
		l.log.Info().Str("file", l.opts.Config).Uint64("revision", result.Revision).Int("created", len(result.Created)).
			Int("updated", len(result.Updated)).Int("deleted", len(result.Deleted)).Msg("definitions applied")
		if l.opts.Dev != nil && l.opts.Config != "" {
			l.opts.Dev.reloaded(len(result.Created), len(result.Updated), len(result.Deleted))
		}
	}
	return nil
}

// checkChanges fails if the file has a queue or an archive otherwise than it can become.
func (l *loaded) checkChanges(file *config.Config) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(file.Queues)) {
		def := file.Queues[name]
		q, err := l.broker.Lookup(queue.Name{Account: file.Account, Region: file.Region, Name: name})
		if errors.Is(err, queue.ErrNotFound) {
			continue
		}
		if err == nil {
			err = def.CheckChange(&q.Definition)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("queue %s: %w", name, err))
		}
	}
	archives := catalog.NewTable[rules.Archive](l.definitions, rules.ArchiveTable)
	for _, name := range slices.Sorted(maps.Keys(file.Archives)) {
		was, err := archives.Get(catalog.Name{Account: file.Account, Region: file.Region, Name: name})
		if err == nil && was.Value.Bus != file.Archives[name].Bus {
			err = fmt.Errorf("its bus is %s and can not be changed", was.Value.Bus)
		}
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			errs = append(errs, fmt.Errorf("archive %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
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

// webhook returns a source of the file.
func (l *loaded) webhook(name string) (ingest.Source, bool) {
	source, ok := (*l.webhooks.Load())[name]
	return source, ok
}

const (
	// settle is how long the file must be left alone before it is read: editors write in several steps. It is read after
	// settleMax at the latest.
	settle    = 100 * time.Millisecond
	settleMax = time.Second
	// again is when a file is tried again that could not be taken although it is not broken.
	again = 10 * time.Second
)

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
	// Directories, because editors replace the file rather than write it: the file's own, and that of the file behind it if
	// it is a link. A Kubernetes ConfigMap is mounted as links that lead through one named ..data.
	names := map[string]bool{filepath.Base(l.opts.Config): true, "..data": true}
	directories := []string{filepath.Dir(l.opts.Config)}
	if target, err := filepath.EvalSymlinks(l.opts.Config); err == nil && filepath.Dir(target) != directories[0] {
		names[filepath.Base(target)] = true
		directories = append(directories, filepath.Dir(target))
	}
	for _, dir := range directories {
		if err := watcher.Add(dir); err != nil {
			return fmt.Errorf("watching %s: %w", l.opts.Config, err)
		}
	}
	// The file may have changed since it was read. An unchanged one costs nothing.
	timer := time.NewTimer(0)
	defer timer.Stop()
	var first time.Time // when the changes began that are waited for
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, ok := <-watcher.Events:
			if !ok {
				return errors.New("watching the file ended")
			}
			if !names[filepath.Base(event.Name)] {
				continue
			}
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(max(min(settle, time.Until(first.Add(settleMax))), 0))
		case err := <-watcher.Errors:
			l.log.Warn().Err(err).Msg("watching the configuration")
		case <-timer.C:
			first = time.Time{}
			if !l.reload(ctx) {
				timer.Reset(again)
			}
		}
	}
}

// reload returns false if the file should be tried again although it is the same.
func (l *loaded) reload(ctx context.Context) bool {
	file, err := l.readFile()
	broken := err != nil
	if !broken {
		err = l.apply(ctx, file)
	}
	if err == nil || ctx.Err() != nil {
		if l.refused && err == nil {
			l.refused = false
			l.log.Info().Str("file", l.opts.Config).Msg("configuration is in order again")
			if l.opts.Dev != nil {
				l.opts.Dev.mended()
			}
		}
		return true
	}
	l.refused = true
	if l.opts.Dev != nil {
		l.opts.Dev.broken(err)
	} else {
		l.log.Error().Err(err).Str("file", l.opts.Config).Msg("configuration not taken; the running one stays in force")
	}
	// What the store refused may go later. What somebody has to mend is not told of every ten seconds.
	return !errors.Is(err, queue.ErrStoreFull) && !errors.Is(err, queue.ErrUnavailable)
}
