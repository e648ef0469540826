package rules

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// RuleStateTable is the catalog table of what is operational about rules: a [RuleState] under the rule's name. No file owns it
// and no reload overwrites it.
const RuleStateTable = "rule-state"

// RuleState is how far [Engine.Reconcile] has followed a rule.
type RuleState struct {
	// RuleID is the rule's catalog ID.
	RuleID uint64 `json:"rule_id"`
	// Seen is the revision of the rule that was reconciled last.
	Seen uint64 `json:"seen"`
	// Started says that what the rule's start asks for has been arranged. A later change of start has no effect.
	Started bool `json:"started,omitempty"`
	// Paused is set while the rule is paused.
	Paused *Paused `json:"paused,omitempty"`
}

// Paused is the position that a paused rule keeps.
type Paused struct {
	// Since is the revision at which the rule was paused.
	Since uint64 `json:"since"`
	// Windows are earlier pauses whose events the rule has not been given yet.
	Windows []Window `json:"windows,omitempty"`
	// Log is the log of the bus, and From where to read it from: no event matched since the pause lies before.
	Log  queue.ID       `json:"log,omitempty"`
	From queue.Position `json:"from,omitzero"`
	// Passed is how many events the log had, before From, over its life.
	Passed int64 `json:"passed,omitempty"`
}

const (
	// reconcileAttempts is how often a Reconcile begins again because definitions changed meanwhile.
	reconcileAttempts = 100
	// reconcileSet is how many rules are reconciled in one set of changes.
	reconcileSet = 500
	// heldReason marks the transfers that are held because their rule is paused.
	heldReason = "its rule is paused"
)

// Reconcile makes the rules' start and paused happen: it compares the rules with their states and makes the transfers that
// bring them retained events. To be called at start, before events are published, and after each change of rules. It is
// idempotent. Concurrent calls wait for each other.
//
// # Why every event comes to a rule once
//
// Each publish matches against one revision of the definitions and records it with the event (Match.Revision), with the
// rules that matched and whether they were paused. So the record alone decides whether the publish delivered an event to a
// rule: it did if and only if the rule was there and not paused at that revision, and matched. A transfer takes the others:
//
//   - start: those with a revision below that of the rule's creation;
//   - after a pause: those with a revision from that of the pause to that of the end of the pause, not included.
//
// The ranges are disjoint from each other and from what publishes deliver. A transfer reads the log from a position before
// which no such event lies to one behind which none lies:
//
//   - From: the end of the log read before the catalog was read at a revision at which all rules were reconciled. An event
//     with a later revision was appended, by whatever node, after that revision was reached, so it lies behind. (Not known yet
//     in a new process: then from the beginning of the log, which is correct and only reads more.)
//   - Until: the end of the log after the barriers of all nodes, this one included: every publish that began under older
//     definitions is durable by then, and later ones have the newer revision. Another node calls Barrier before it says that it
//     has caught up with the definitions (see catalog.Catalog.Follow), and Everywhere waits for that.
//
// # Why a crash does no harm
//
// All that a Reconcile decides about a rule is one set of changes: its state with the transfer. Before it, nothing has
// happened: the next Reconcile finds the same difference between rule and state, and computes the same ranges of revisions,
// for these come from the rules' records, and a later, hence sufficient, Until. After it, the transfer runs by itself and
// survives crashes (see queue.Transfer), and the state says that it was made. The set requires the rule and its state to be as
// they were read, so that a concurrent change makes it begin again. So several nodes may do it at the same time, such as
// when the file has changed on all of them: one is first, and the others find that nothing is left to do.
//
// Holding and cancelling transfers is not in the set: it follows from the states and is done by every Reconcile again.
//
// The pauses of a rule between two Reconciles are read from the catalog's changes. Those are known only since the process
// started. So it is to be called when the process starts, before any rule may change again: several changes of one rule of
// which a crash kept all from being reconciled would otherwise count as one, and a pause that came and went among them be
// missed, with the events that it kept back.
//
// A node that was stopped in the midst of a publish, for so long that the others took it as gone, may append an event that was
// matched against older definitions after the barriers. A rule that was made, or went on after a pause, in the meantime does not
// get that one event.
func (e *Engine) Reconcile(ctx context.Context) error {
	select {
	case e.reconciling <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.reconciling }()
	for attempt := 1; ; attempt++ {
		err := e.reconcile(ctx)
		raced := errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrNotFound) || errors.Is(err, catalog.ErrExists)
		if err == nil || !raced || attempt == reconcileAttempts || ctx.Err() != nil {
			if err != nil {
				return fmt.Errorf("reconciling rules: %w", err)
			}
			return nil
		}
	}
}

// reconciled is what is known from the last Reconcile of this process.
type reconciled struct {
	// revision is one at which every rule was reconciled, ends those of the logs, read before the catalog had it.
	revision uint64
	ends     map[queue.ID]queue.Stats
	// before, until the first Reconcile, is the state of the definitions since when changes are known.
	before *catalog.Snapshot
}

func (e *Engine) reconcile(ctx context.Context) error {
	ends, err := e.logEnds(ctx, e.definitions.Snapshot())
	if err != nil {
		return err
	}
	// What other nodes had committed by then they may have matched events against that lie before the ends.
	if err := e.definitions.Refresh(ctx); err != nil {
		return err
	}
	r := &reconciliation{engine: e, at: e.definitions.Snapshot(), states: catalog.NewTable[RuleState](e.definitions, RuleStateTable)}
	if err := r.compare(); err != nil {
		return err
	}
	if len(r.changed)+len(r.deleted) > 0 {
		if err := e.definitions.Everywhere(ctx); err != nil {
			return err
		}
		if err := e.Barrier(ctx); err != nil {
			return err
		}
		if r.ends, err = e.logEnds(ctx, r.at); err != nil {
			return err
		}
		if err := r.apply(ctx); err != nil {
			return err
		}
	}
	if err := r.followTransfers(ctx); err != nil {
		return err
	}
	e.last = reconciled{revision: r.at.Revision(), ends: ends}
	return nil
}

// logEnds returns the counts of the logs of all buses in a snapshot.
func (e *Engine) logEnds(ctx context.Context, at *catalog.Snapshot) (map[queue.ID]queue.Stats, error) {
	var ids []queue.ID
	for record := range at.Scan(BusTable, catalog.Query{}) {
		ids = append(ids, queue.IDFor(record.ID, queue.Own))
	}
	stats, err := e.broker.Store().Stats(ctx, e.broker.Now(), ids)
	if err != nil {
		return nil, err
	}
	ends := make(map[queue.ID]queue.Stats, len(ids))
	for i, id := range ids {
		ends[id] = stats[i]
	}
	return ends, nil
}

// reconciliation is one attempt at a Reconcile.
type reconciliation struct {
	engine *Engine
	at     *catalog.Snapshot
	states *catalog.Table[RuleState]

	changed []changedRule
	// deleted are the states of rules that are gone.
	deleted []catalog.Entry[RuleState]

	// ends are those of the logs after the barrier.
	ends map[queue.ID]queue.Stats
	// history has, for each rule by its ID, its revisions since those are known one by one.
	history map[uint64][]pausing
	records []catalog.Record
	known   bool
}

// changedRule is a rule whose state is not up to date.
type changedRule struct {
	rule catalog.Entry[Rule]
	// state is the rule's, with a zero RuleID for a new rule. stateRevision is that of its record, zero for none.
	state         RuleState
	stateRevision uint64
}

// pausing says whether a rule was paused from a revision on.
type pausing struct {
	revision uint64
	paused   bool
}

// compare finds the rules whose state is not up to date: among those that have changed since the last Reconcile, if that
// is known, else among all.
func (r *reconciliation) compare() error {
	names := map[catalog.Name]bool{}
	if r.readHistory(); r.known && r.engine.last.before == nil {
		for _, record := range r.records {
			names[record.Name] = true
		}
	} else {
		for _, table := range []string{RuleTable, RuleStateTable} {
			for record := range r.at.Scan(table, catalog.Query{}) {
				names[record.Name] = true
			}
		}
	}
	for name := range names {
		if err := r.compareOne(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *reconciliation) compareOne(name catalog.Name) error {
	state, err := r.states.At(r.at, name)
	if err != nil && !errors.Is(err, catalog.ErrNotFound) {
		return err
	}
	record, ok := r.at.Get(RuleTable, name)
	if !ok {
		if err == nil {
			r.deleted = append(r.deleted, state)
		}
		return nil
	}
	c := changedRule{stateRevision: state.Revision}
	if state.Value.RuleID == record.ID {
		c.state = state.Value
	}
	if c.state.Seen == record.Revision {
		return nil
	}
	// A rule that can not be read matches nothing; once it can be, it has another revision.
	if c.rule, err = r.engine.rules.At(r.at, name); err == nil {
		r.changed = append(r.changed, c)
	}
	return nil
}

// readHistory reads the changes of rules since the last Reconcile, or since the process began.
func (r *reconciliation) readHistory() {
	last := r.engine.last
	since := last.revision
	if last.before != nil {
		since = last.before.Revision()
	}
	records, _, err := r.engine.definitions.Changes(since, RuleTable)
	if err != nil {
		return
	}
	r.known, r.records, r.history = true, records, map[uint64][]pausing{}
	for _, record := range records {
		if record.Deleted || record.Revision > r.at.Revision() {
			continue
		}
		if rule, err := r.engine.rules.Decode(record); err == nil {
			r.history[record.ID] = append(r.history[record.ID], pausing{record.Revision, rule.Value.Paused})
		}
	}
}

// revisions returns the rule's revisions since its state, and whether these are all.
func (r *reconciliation) revisions(c *changedRule) ([]pausing, bool) {
	now := pausing{c.rule.Revision, c.rule.Value.Paused}
	if !r.known {
		return []pausing{now}, false
	}
	var all []pausing
	complete := true
	if before := r.engine.last.before; before != nil {
		record, ok := before.Get(RuleTable, c.rule.Name)
		if ok && record.ID == c.rule.ID && record.Revision > c.state.Seen {
			// It was changed before the process began, after the state.
			rule, err := r.engine.rules.Decode(record)
			if err != nil {
				return []pausing{now}, false
			}
			all, complete = append(all, pausing{record.Revision, rule.Value.Paused}), false
		}
	}
	for _, p := range r.history[c.rule.ID] {
		if p.revision > c.state.Seen {
			all = append(all, p)
		}
	}
	if len(all) == 0 || all[len(all)-1] != now {
		return append(all, now), false
	}
	return all, complete
}

// apply writes the new states and makes the transfers.
func (r *reconciliation) apply(ctx context.Context) error {
	var set catalog.Set
	rules := 0
	flush := func(least int) error {
		if rules < least {
			return nil
		}
		_, err := r.engine.definitions.Apply(ctx, set)
		set, rules = catalog.Set{}, 0
		return err
	}
	for i := range r.changed {
		changes, err := r.plan(&r.changed[i])
		if err != nil {
			return err
		}
		rule := &r.changed[i].rule
		set.Changes = append(set.Changes, changes...)
		set.Requires = append(set.Requires, catalog.Requirement{
			Table: RuleTable, Name: rule.Name, ID: rule.ID, Revision: rule.Revision,
		})
		rules++
		if err := flush(reconcileSet); err != nil {
			return err
		}
	}
	for _, state := range r.deleted {
		set.Changes = append(set.Changes, r.states.Deleting(state.Name).If(state.Revision))
		set.Requires = append(set.Requires, catalog.Requirement{Table: RuleTable, Name: state.Name})
		rules++
		if err := flush(reconcileSet); err != nil {
			return err
		}
	}
	return flush(1)
}

// plan returns the changes for one rule: its state and, if it is to get retained events, a transfer.
func (r *reconciliation) plan(c *changedRule) ([]catalog.Change, error) {
	rule, state := &c.rule, c.state
	bus, _ := SplitRuleName(rule.Name)
	log := queue.ID(0)
	if record, ok := r.at.Get(BusTable, bus); ok {
		log = queue.IDFor(record.ID, queue.Own)
	}
	kept := r.pauses(c, log)
	startAt, start := rule.Value.startAt()
	start = start && !state.Started

	next := RuleState{RuleID: rule.ID, Seen: rule.Revision, Started: true}
	if rule.Value.Paused {
		next.Started, next.Paused = !start, kept
	}
	change := r.states.Putting(rule.Name, next).If(c.stateRevision)
	if rule.Value.Paused || !start && kept == nil {
		return []catalog.Change{change}, nil
	}
	params := Backfill{Bus: bus.Name, RuleID: rule.ID}
	_, params.Rule = SplitRuleName(rule.Name)
	end := r.ends[log]
	t := queue.Transfer{Kind: TransferKind, Source: log, SourceKind: queue.Log, Until: end.End, Total: -1}
	if kept != nil {
		params.Windows, t.Cursor, t.Total = kept.Windows, kept.From, end.Appended-kept.Passed
	}
	if start {
		params.Before, params.StartAt = rule.Created, startAt.Sequence
		if kept == nil || startAt.Sequence < t.Cursor.Sequence {
			t.Cursor, t.Total = startAt, -1
			if startAt.Sequence <= end.First.Sequence { // all that is there
				t.Total = end.Appended - end.Expired
			}
		}
	}
	if log == 0 || t.Cursor.Sequence >= end.End.Sequence {
		return []catalog.Change{change}, nil // the log has nothing for it
	}
	var err error
	if t.Params, err = json.Marshal(params); err != nil {
		return nil, err
	}
	name := transferName(rule.Name, rule.ID, rule.Revision)
	transfer, err := queue.StartTransfer(r.engine.definitions, name, t, r.engine.broker.Now())
	if err != nil {
		return nil, err
	}
	return []catalog.Change{change, transfer}, nil
}

// pauses returns what the rule has been kept from, nil if nothing. If the rule is paused now, the pause goes on.
func (r *reconciliation) pauses(c *changedRule, log queue.ID) *Paused {
	revisions, complete := r.revisions(c)
	var kept Paused
	paused, found := false, false
	if p := c.state.Paused; p != nil {
		kept, paused, found = *p, true, true
		if kept.Log != log { // the bus was made anew; its log has begun after the pause
			kept.Log, kept.From, kept.Passed = log, queue.Position{}, 0
		}
	} else {
		// What was kept back since then lies behind the end that the log had when all rules were reconciled.
		last, end := r.engine.last.ends[log], r.ends[log]
		kept.Log, kept.From, kept.Passed = log, last.End, max(last.Appended, end.Expired)
		if kept.From.Sequence < end.First.Sequence && end.Expired >= last.Appended {
			kept.From = end.First
		}
	}
	if !complete && !paused {
		first := max(c.state.Seen+1, c.rule.Created)
		if until := revisions[0].revision; revisions[0].paused && first < until {
			kept.Windows = append(kept.Windows, Window{From: first, Until: until, Listed: true})
		}
	}
	for _, now := range revisions {
		switch {
		case now.paused && !paused:
			kept.Since = now.revision
			found = true
		case !now.paused && paused:
			kept.Windows = append(kept.Windows[:len(kept.Windows):len(kept.Windows)], Window{From: kept.Since, Until: now.revision})
		}
		paused = now.paused
	}
	if !found {
		return nil
	}
	return &kept
}

// followTransfers cancels the transfers of rules that are gone, holds those of paused rules and lets those go on that were
// held for that.
func (r *reconciliation) followTransfers(ctx context.Context) error {
	e := r.engine
	snap := e.definitions.Snapshot()
	transfers := catalog.NewTable[queue.Transfer](e.definitions, queue.TransferTable)
	for record := range snap.Scan(queue.TransferTable, catalog.Query{}) {
		t, err := transfers.At(snap, record.Name)
		if err != nil {
			return err
		}
		var params Backfill
		if t.Value.Kind != TransferKind || t.Value.State.Ended() || json.Unmarshal(t.Value.Params, &params) != nil {
			continue
		}
		bus := catalog.Name{Account: t.Name.Account, Region: t.Name.Region, Name: params.Bus}
		state, err := r.states.At(snap, RuleName(bus, params.Rule))
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return err
		}
		want, reason := queue.TransferRunning, ""
		switch {
		case err != nil || state.Value.RuleID != params.RuleID:
			want, reason = queue.TransferCancelled, "its rule was deleted"
		case state.Value.Paused != nil:
			want, reason = queue.TransferHeld, heldReason
		case t.Value.State != queue.TransferHeld || t.Value.Error != heldReason:
			continue // it runs, or was held by somebody
		}
		err = queue.ChangeTransfer(ctx, e.definitions, t.Name, want, reason, e.broker.Now())
		if err != nil && !errors.Is(err, queue.ErrTransferEnded) && !errors.Is(err, queue.ErrTransferNotFound) {
			return err
		}
	}
	return nil
}

func parseStart(s string) (time.Time, error) { return time.Parse(time.RFC3339, s) }
