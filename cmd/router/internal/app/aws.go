package app

import (
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/events"
	"github.com/signalbox-mq/signalbox/httpapi/native"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
)

// awsHandler answers the AWS protocols.
func (r *router) awsHandler() *awsapi.Handler {
	waits := sqs.Waits{Purge: r.aws.PurgeWait, Recreate: r.aws.RecreateWait}
	queues := sqs.New(sqs.Services{Broker: r.broker, Redrives: r.redrives}, waits)
	log := r.log.With().Str("component", "aws").Logger()
	buses := events.New(events.Services{Broker: r.broker, Rules: r.rules, Destinations: r.destinations, Log: log})
	return awsapi.NewHandler(awsapi.Config{
		Account: r.account, Region: r.region, PublicURL: r.opts.PublicURL,
		RequestIDHeader: problem.RequestIDHeader,
		Stopping:        func(ctx context.Context) bool { return errors.Is(context.Cause(ctx), native.ErrStopping) },
		Log:             log,
	}, queues.Service(), sns.New(r.topics).Service(), buses.Service())
}
