package events

import (
	"context"
	"errors"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules"
)

// What is kept with a bus, or anything else, and without effect.
const (
	keptKMSKey     = "KmsKeyIdentifier"
	keptDeadLetter = "DeadLetterConfig"
	keptLogDetail  = "LogConfig.IncludeDetail"
	keptLogLevel   = "LogConfig.Level"
)

func (a *API) createBus(ctx context.Context, r *awsapi.Request, in *createBusInput) (*createBusOutput, error) {
	switch {
	case in.EventSourceName != "":
		return nil, notSupported("EventSourceName", "the router has no event sources of partners")
	case strings.Contains(in.Name, "/"):
		return nil, validation("Event bus name must not contain '/'.")
	}
	tags, err := tagRules.Read(in.Tags)
	if err != nil {
		return nil, err
	}
	def := rules.Bus{}
	if len(tags) > 0 {
		def.Tags = tags
	}
	set(&def, &in.busSettings)
	e, err := a.rules.CreateBus(ctx, named(r, in.Name), def)
	if errors.Is(err, rules.ErrBusExists) {
		return nil, alreadyExists("Event bus %s already exists.", in.Name)
	}
	if err != nil {
		return nil, err
	}
	return &createBusOutput{busARN(e.Name), settings(&e.Bus)}, nil
}

// set makes a bus what is given; what is not stays.
func set(def *rules.Bus, given *busSettings) {
	if given.Description != nil {
		def.Description = string(given.Description)
	}
	if given.KMSKey != "" {
		keep(&def.Kept, keptKMSKey, given.KMSKey)
	}
	if given.DeadLetter != nil {
		keep(&def.Kept, keptDeadLetter, given.DeadLetter.ARN)
	}
	if given.Log != nil {
		keep(&def.Kept, keptLogDetail, given.Log.IncludeDetail)
		keep(&def.Kept, keptLogLevel, given.Log.Level)
	}
}

// settings undoes set.
func settings(def *rules.Bus) busSettings {
	s := busSettings{Description: awsapi.Text(def.Description), KMSKey: def.Kept[keptKMSKey]}
	if arn := def.Kept[keptDeadLetter]; arn != "" {
		s.DeadLetter = &deadLetterConfig{arn}
	}
	if log := (logConfig{def.Kept[keptLogDetail], def.Kept[keptLogLevel]}); log != (logConfig{}) {
		s.Log = &log
	}
	return s
}

func (a *API) updateBus(ctx context.Context, r *awsapi.Request, in *updateBusInput) (*updateBusOutput, error) {
	name := busName(r, in.Name)
	e, err := a.rules.UpdateBus(ctx, name, func(def *rules.Bus) error {
		set(def, &in.busSettings)
		return nil
	})
	if err != nil {
		return nil, aboutBus(err, name)
	}
	return &updateBusOutput{busARN(name), name.Name, settings(&e.Bus)}, nil
}

func (a *API) describeBus(ctx context.Context, r *awsapi.Request, in *onBus) (*describeBusOutput, error) {
	name := busName(r, in.Name)
	e, err := a.rules.Bus(ctx, name)
	if err != nil {
		return nil, aboutBus(err, name)
	}
	return &describeBusOutput{
		Name: name.Name, ARN: busARN(name), busSettings: settings(&e.Bus), Policy: policyOf(&e.Bus), Created: e.Created, Modified: e.Updated,
	}, nil
}

func (a *API) listBuses(ctx context.Context, r *awsapi.Request, in *listBusesInput) (*listBusesOutput, error) {
	list := func(after string, limit int) ([]rules.BusEntry, bool, error) {
		return a.rules.ListBuses(ctx, query(r, in.Prefix, after, limit))
	}
	entries, token, err := collect(&in.paged, list, func(e *rules.BusEntry) string { return e.Name.Name }, nil)
	if err != nil {
		return nil, err
	}
	out := &listBusesOutput{NextToken: token}
	for i := range entries {
		e := &entries[i]
		out.Buses = append(out.Buses, listedBus{
			Name: e.Name.Name, ARN: busARN(e.Name), Description: e.Bus.Description, Policy: policyOf(&e.Bus), Created: e.Created, Modified: e.Updated,
		})
	}
	return out, nil
}

func (a *API) deleteBus(ctx context.Context, r *awsapi.Request, in *deleteBusInput) (*awsapi.Empty, error) {
	err := a.rules.DeleteBus(ctx, named(r, in.Name))
	if errors.Is(err, rules.ErrBusInUse) {
		return nil, validation("Event bus %s can't be deleted since it has rules or archives.", in.Name)
	}
	return nil, err
}
