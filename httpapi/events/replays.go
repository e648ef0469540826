package events

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

func (a *API) startReplay(ctx context.Context, r *awsapi.Request, in *startReplayInput) (*startReplayOutput, error) {
	if !in.From.Before(in.Until) {
		return nil, validation("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.")
	}
	source, ok := resourceName(in.Source, archiveResource)
	if !ok {
		return nil, validation("Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.")
	}
	archive, err := a.rules.Archive(ctx, source)
	if errors.Is(err, rules.ErrArchiveNotFound) || err == nil && (source.Account != r.Account || source.Region != r.Region) {
		return nil, noArchive(source.Name)
	}
	if err != nil {
		return nil, err
	}
	// Events have their time in whole seconds, cut off: one that was put later in the second of the start has an earlier time.
	from := in.From.Truncate(time.Second)
	def := rules.Replay{Description: in.Description, Archive: source.Name, Bus: archive.Archive.Bus, From: from, Until: in.Until}
	if def.Rules, err = replayTo(&archive, in.Destination); err != nil {
		return nil, err
	}
	name := named(r, in.Name)
	e, err := a.rules.StartReplay(ctx, name, def)
	switch {
	case errors.Is(err, rules.ErrReplayExists):
		return nil, alreadyExists("Replay %s already exists.", in.Name)
	case errors.Is(err, rules.ErrArchiveNotFound):
		return nil, noArchive(source.Name)
	case errors.Is(err, rules.ErrRuleNotFound):
		return nil, validation("Parameter Destination.FilterArns is not valid. Reason: a rule does not exist on EventBus %s.", def.Bus)
	case err != nil:
		return nil, err
	}
	return &startReplayOutput{
		ARN: arnOf(name, replayResource), State: string(e.Replay.State), Reason: e.Replay.Reason, Started: e.Replay.Started,
	}, nil
}

func noArchive(name string) *awsapi.Error {
	return validation("Parameter EventSourceArn is not valid. Reason: Archive %s does not exist.", name)
}

// replayTo reads where a replay of an archive goes: to the archive's bus, and to which of its rules; none for all.
func replayTo(archive *rules.ArchiveEntry, d *replayDestination) ([]string, error) {
	of, ok := resourceName(d.ARN, busResource)
	if !ok {
		return nil, validation("Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.")
	}
	if busARN(of) != archiveSource(archive) {
		return nil, validation("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.")
	}
	var names []string
	for _, text := range d.Filters {
		bus, rule, ok := ruleOfARN(text)
		if !ok || bus != of {
			return nil, validation("Parameter Destination.FilterArns is not valid. Reason: %s is not the ARN of a rule of the destination.", awsapi.Clip(text))
		}
		if !slices.Contains(names, rule) {
			names = append(names, rule)
		}
	}
	return names, nil
}

// aboutReplay tells that there is no replay by its name.
func aboutReplay(err error, name string) error {
	switch {
	case errors.Is(err, rules.ErrReplayNotFound):
		return notFound("Replay %s does not exist.", name)
	case errors.Is(err, rules.ErrReplayEnded):
		return modelled("IllegalStatusException", "Replay %s is not in a valid state for this operation.", name)
	}
	return err
}

func (a *API) cancelReplay(ctx context.Context, r *awsapi.Request, in *onReplay) (*cancelReplayOutput, error) {
	e, err := a.rules.CancelReplay(ctx, named(r, in.Name))
	if err != nil {
		return nil, aboutReplay(err, in.Name)
	}
	return &cancelReplayOutput{arnOf(e.Name, replayResource), string(e.Replay.State), e.Replay.Reason}, nil
}

func (a *API) describeReplay(ctx context.Context, r *awsapi.Request, in *onReplay) (*describeReplayOutput, error) {
	e, err := a.rules.Replay(ctx, named(r, in.Name))
	if err != nil {
		return nil, aboutReplay(err, in.Name)
	}
	bus := catalog.Name{Account: e.Name.Account, Region: e.Name.Region, Name: e.Replay.Bus}
	to := &replayDestination{ARN: busARN(bus)}
	for _, rule := range e.Replay.Rules {
		to.Filters = append(to.Filters, ruleARN(bus, rule))
	}
	return &describeReplayOutput{
		listedReplay: listedReplayOf(&e), ARN: arnOf(e.Name, replayResource), Description: e.Replay.Description, Destination: to,
	}, nil
}

func listedReplayOf(e *rules.ReplayEntry) listedReplay {
	def := &e.Replay
	return listedReplay{
		Name: e.Name.Name, Source: replaySource(e), State: string(def.State), Reason: def.Reason,
		From: def.From, Until: def.Until, Last: def.LastReplayed, Started: def.Started, Ended: def.Ended,
	}
}

// replaySource is the ARN of a replay's archive.
func replaySource(e *rules.ReplayEntry) string {
	return arnOf(catalog.Name{Account: e.Name.Account, Region: e.Name.Region, Name: e.Replay.Archive}, archiveResource)
}

func (a *API) listReplays(ctx context.Context, r *awsapi.Request, in *listReplaysInput) (*listReplaysOutput, error) {
	if err := oneFilter("ListReplays", in.Prefix, in.Source, in.State); err != nil {
		return nil, err
	}
	list := func(after string, limit int) ([]rules.ReplayEntry, bool, error) {
		return a.rules.Replays(ctx, query(r, in.Prefix, after, limit))
	}
	keep := func(e *rules.ReplayEntry) bool {
		return (in.Source == "" || replaySource(e) == in.Source) && (in.State == "" || string(e.Replay.State) == in.State)
	}
	entries, token, err := collect(&in.paged, list, func(e *rules.ReplayEntry) string { return e.Name.Name }, keep)
	if err != nil {
		return nil, err
	}
	out := &listReplaysOutput{NextToken: token}
	for i := range entries {
		out.Replays = append(out.Replays, listedReplayOf(&entries[i]))
	}
	return out, nil
}
