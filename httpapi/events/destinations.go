package events

import (
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// keptConnection is the ARN of a destination's connection as it was given, for when the connection is gone.
const keptConnection = "ConnectionArn"

// States of API destinations.
const (
	active   = "ACTIVE"
	inactive = "INACTIVE"
)

func (a *API) createDestination(ctx context.Context, r *awsapi.Request, in *createDestinationInput) (*changedDestinationOutput, error) {
	def := destination.Destination{Description: in.Description}
	if err := setDestination(r, &def, &in.destinationSettings); err != nil {
		return nil, err
	}
	e, err := a.destinations.Create(ctx, named(r, in.Name), def)
	switch {
	case errors.Is(err, destination.ErrExists):
		return nil, alreadyExists("An api-destination '%s' already exists.", in.Name)
	case errors.Is(err, destination.ErrNotFound):
		return nil, noConnection(in.ConnectionARN)
	case err != nil:
		return nil, err
	}
	return changedDestination(&e), nil
}

func noConnection(arn string) *awsapi.Error {
	return notFound("Connection '%s' does not exist.", awsapi.Clip(arn))
}

// setDestination makes a destination what is given; what is not stays.
func setDestination(r *awsapi.Request, def *destination.Destination, given *destinationSettings) error {
	if given.ConnectionARN != "" {
		name, ok := uniqueName(given.ConnectionARN, connectionResource)
		if !ok || name.Account != r.Account || name.Region != r.Region {
			return noConnection(given.ConnectionARN)
		}
		def.Connection = name.Name
		keep(&def.Kept, keptConnection, given.ConnectionARN)
	}
	if given.URL != "" {
		def.URL = given.URL
	}
	if given.Method != "" {
		def.Method = given.Method
	}
	if given.Rate.Given {
		def.Rate = int(given.Rate.Value)
	}
	return nil
}

func changedDestination(e *destination.Entry) *changedDestinationOutput {
	out := &changedDestinationOutput{
		ARN: destinationARN(e.Name, e.Destination.UUID), State: inactive, Created: e.Created, Modified: e.Updated,
	}
	if e.Active {
		out.State = active
	}
	return out
}

// noDestination tells that there is no API destination of a name.
func noDestination(name string) *awsapi.Error {
	return notFound("Failed to describe the api-destination(s). An api-destination '%s' does not exist.", name)
}

func (a *API) updateDestination(ctx context.Context, r *awsapi.Request, in *updateDestinationInput) (*changedDestinationOutput, error) {
	found := false
	e, err := a.destinations.Update(ctx, named(r, in.Name), func(def *destination.Destination) error {
		found = true
		if in.Description != nil {
			def.Description = string(in.Description)
		}
		return setDestination(r, def, &in.destinationSettings)
	})
	switch {
	case errors.Is(err, destination.ErrNotFound) && found:
		return nil, noConnection(in.ConnectionARN)
	case errors.Is(err, destination.ErrNotFound):
		return nil, noDestination(in.Name)
	case err != nil:
		return nil, err
	}
	return changedDestination(&e), nil
}

func (a *API) describeDestination(ctx context.Context, r *awsapi.Request, in *onDestination) (*describeDestinationOutput, error) {
	e, err := a.destination(ctx, r, in.Name)
	if err != nil {
		return nil, err
	}
	listed, err := a.listedDestination(ctx, &e)
	if err != nil {
		return nil, err
	}
	return &describeDestinationOutput{listed, e.Destination.Description}, nil
}

func (a *API) destination(ctx context.Context, r *awsapi.Request, name string) (destination.Entry, error) {
	e, err := a.destinations.Get(ctx, named(r, name))
	if errors.Is(err, destination.ErrNotFound) {
		return e, noDestination(name)
	}
	return e, err
}

func (a *API) listedDestination(ctx context.Context, e *destination.Entry) (listedDestination, error) {
	arn, err := a.connectionOf(ctx, e)
	def := &e.Destination
	rate := def.Rate
	if rate == 0 {
		rate = destination.DefaultRate
	}
	return listedDestination{
		*changedDestination(e), e.Name.Name,
		destinationSettings{ConnectionARN: arn, URL: def.URL, Method: def.Method, Rate: awsapi.IntOf(int64(rate))},
	}, err
}

// connectionOf is the ARN of a destination's connection, also if that is gone.
func (a *API) connectionOf(ctx context.Context, e *destination.Entry) (string, error) {
	name := catalog.Name{Account: e.Name.Account, Region: e.Name.Region, Name: e.Destination.Connection}
	c, err := a.destinations.Connection(ctx, name)
	switch {
	case err == nil:
		return connectionARN(&c), nil
	case !errors.Is(err, destination.ErrNotFound):
		return "", err
	case e.Destination.Kept[keptConnection] != "":
		return e.Destination.Kept[keptConnection], nil
	}
	return connectionARNOf(name, ""), nil
}

func (a *API) listDestinations(ctx context.Context, r *awsapi.Request, in *listDestinationsInput) (*listDestinationsOutput, error) {
	list := func(after string, limit int) ([]destination.Entry, bool, error) {
		return a.destinations.List(ctx, query(r, in.Prefix, after, limit))
	}
	var keep func(*destination.Entry) bool
	if in.ConnectionARN != "" {
		of, _ := uniqueName(in.ConnectionARN, connectionResource)
		keep = func(e *destination.Entry) bool {
			return of == catalog.Name{Account: e.Name.Account, Region: e.Name.Region, Name: e.Destination.Connection}
		}
	}
	entries, token, err := collect(&in.paged, list, func(e *destination.Entry) string { return e.Name.Name }, keep)
	if err != nil {
		return nil, err
	}
	out := &listDestinationsOutput{NextToken: token}
	for i := range entries {
		d, err := a.listedDestination(ctx, &entries[i])
		if err != nil {
			return nil, err
		}
		out.Destinations = append(out.Destinations, d)
	}
	return out, nil
}

func (a *API) deleteDestination(ctx context.Context, r *awsapi.Request, in *onDestination) (*done, error) {
	if _, err := a.destination(ctx, r, in.Name); err != nil {
		return nil, err
	}
	return nil, a.destinations.Delete(ctx, named(r, in.Name))
}
