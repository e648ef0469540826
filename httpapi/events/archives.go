package events

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

const day = duration.Day

// maxRetentionDays is what a duration can hold.
const maxRetentionDays = int64((1<<63 - 1) / day)

func (a *API) createArchive(ctx context.Context, r *awsapi.Request, in *createArchiveInput) (*changedArchiveOutput, error) {
	source, ok := resourceName(in.Source, busResource)
	if !ok {
		return nil, validation("Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.")
	}
	if source.Account != r.Account || source.Region != r.Region {
		return nil, noBus(source.Name)
	}
	def := rules.Archive{Bus: source.Name}
	if err := setArchive(&def, &in.archiveSettings); err != nil {
		return nil, err
	}
	e, err := a.rules.CreateArchive(ctx, named(r, in.Name), def)
	if errors.Is(err, rules.ErrArchiveExists) {
		return nil, alreadyExists("Archive %s already exists.", in.Name)
	}
	if err != nil {
		return nil, aboutBus(err, source)
	}
	return changedArchive(&e), nil
}

// setArchive makes an archive what is given; what is not stays.
func setArchive(def *rules.Archive, given *archiveSettings) error {
	if given.Description != nil {
		def.Description = string(given.Description)
	}
	if given.EventPattern != "" {
		if err := checkPattern(given.EventPattern); err != nil {
			return err
		}
		def.When = keepJSON(&def.Kept, keptPattern, given.EventPattern)
	}
	if days := given.Retention; days.Given {
		if days.Value > maxRetentionDays {
			return validation("Parameter RetentionDays is not valid. Reason: it can be at most %d.", maxRetentionDays)
		}
		def.Retention = duration.Of(time.Duration(days.Value) * day)
	}
	if given.KMSKey != "" {
		keep(&def.Kept, keptKMSKey, given.KMSKey)
	}
	return nil
}

func changedArchive(e *rules.ArchiveEntry) *changedArchiveOutput {
	return &changedArchiveOutput{ARN: arnOf(e.Name, archiveResource), State: stateEnabled, Created: e.Created}
}

// aboutArchive tells that there is no archive by its name.
func aboutArchive(err error, name string) error {
	if errors.Is(err, rules.ErrArchiveNotFound) {
		return notFound("Archive %s does not exist.", name)
	}
	return err
}

func (a *API) updateArchive(ctx context.Context, r *awsapi.Request, in *updateArchiveInput) (*changedArchiveOutput, error) {
	if in.Description == nil && in.EventPattern == "" && !in.Retention.Given && in.KMSKey == "" {
		return nil, validation("At least one of EventPattern, RetentionDays or Description must be provided.")
	}
	e, err := a.rules.UpdateArchive(ctx, named(r, in.Name), func(def *rules.Archive) error {
		return setArchive(def, &in.archiveSettings)
	})
	if err != nil {
		return nil, aboutArchive(err, in.Name)
	}
	return changedArchive(&e), nil
}

func (a *API) describeArchive(ctx context.Context, r *awsapi.Request, in *onArchive) (*describeArchiveOutput, error) {
	e, err := a.rules.Archive(ctx, named(r, in.Name))
	if err != nil {
		return nil, aboutArchive(err, in.Name)
	}
	def := &e.Archive
	return &describeArchiveOutput{
		ARN: arnOf(e.Name, archiveResource), listedArchive: listedArchiveOf(&e),
		Description: def.Description, EventPattern: keptJSON(def.Kept, keptPattern, def.When), KMSKey: def.Kept[keptKMSKey],
	}, nil
}

func listedArchiveOf(e *rules.ArchiveEntry) listedArchive {
	return listedArchive{
		Name: e.Name.Name, Source: archiveSource(e), State: stateEnabled, Created: e.Created,
		Retention: awsapi.IntOf(int64(e.Archive.Retention.Std() / day)), Size: awsapi.IntOf(e.Bytes), Count: awsapi.IntOf(e.Events),
	}
}

// archiveSource is the ARN of an archive's bus.
func archiveSource(e *rules.ArchiveEntry) string {
	return busARN(catalog.Name{Account: e.Name.Account, Region: e.Name.Region, Name: e.Archive.Bus})
}

func (a *API) listArchives(ctx context.Context, r *awsapi.Request, in *listArchivesInput) (*listArchivesOutput, error) {
	if err := oneFilter("ListArchives", in.Prefix, in.Source, in.State); err != nil {
		return nil, err
	}
	list := func(after string, limit int) ([]rules.ArchiveEntry, bool, error) {
		return a.rules.Archives(ctx, query(r, in.Prefix, after, limit))
	}
	keep := func(e *rules.ArchiveEntry) bool {
		return (in.Source == "" || archiveSource(e) == in.Source) && (in.State == "" || in.State == stateEnabled)
	}
	entries, token, err := collect(&in.paged, list, func(e *rules.ArchiveEntry) string { return e.Name.Name }, keep)
	if err != nil {
		return nil, err
	}
	out := &listArchivesOutput{NextToken: token}
	for i := range entries {
		out.Archives = append(out.Archives, listedArchiveOf(&entries[i]))
	}
	return out, nil
}

// oneFilter refuses more than one filter of a listing.
func oneFilter(operation string, filters ...string) error {
	given := 0
	for _, f := range filters {
		if f != "" {
			given++
		}
	}
	if given > 1 {
		return validation("At most one filter is allowed for %s. Use either : State, EventSourceArn, or NamePrefix.", operation)
	}
	return nil
}

func (a *API) deleteArchive(ctx context.Context, r *awsapi.Request, in *onArchive) (*done, error) {
	return nil, aboutArchive(a.rules.DeleteArchive(ctx, named(r, in.Name)), in.Name)
}
