package events

import (
	"context"
	"errors"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func (a *API) createConnection(ctx context.Context, r *awsapi.Request, in *createConnectionInput) (*createConnectionOutput, error) {
	if in.Connectivity != nil {
		return nil, noPrivateAPIs("InvocationConnectivityParameters")
	}
	def := destination.Connection{Description: in.Description, Authorization: destination.Authorization(in.Type)}
	keep(&def.Kept, keptKMSKey, in.KMSKey)
	if err := setAuth(&def, in.Auth.changes()); err != nil {
		return nil, err
	}
	e, err := a.destinations.CreateConnection(ctx, named(r, in.Name), def)
	if errors.Is(err, destination.ErrExists) {
		return nil, alreadyExists("Connection %s already exists.", in.Name)
	}
	if err != nil {
		return nil, err
	}
	return &changedConnection(&e).createConnectionOutput, nil
}

func noPrivateAPIs(parameter string) error {
	return notSupported(parameter, "the router has no connections to private APIs")
}

func connectionARN(e *destination.ConnectionEntry) string {
	return connectionARNOf(e.Name, e.Connection.UUID)
}

func changedConnection(e *destination.ConnectionEntry) *changedConnectionOutput {
	return &changedConnectionOutput{
		createConnectionOutput{ARN: connectionARN(e), State: connectionState(&e.Connection), Created: e.Created, Modified: e.Updated}, e.Connection.Authorized,
	}
}

// connectionState is the state of a connection; one of the file has none of its own.
func connectionState(def *destination.Connection) string {
	if def.State == "" {
		return string(destination.Authorized)
	}
	return string(def.State)
}

// aboutConnection tells that there is no connection by its name.
func aboutConnection(err error, name string) error {
	if errors.Is(err, destination.ErrNotFound) {
		return notFound("Failed to describe the connection(s). Connection '%s' does not exist.", name)
	}
	return err
}

func (a *API) updateConnection(ctx context.Context, r *awsapi.Request, in *updateConnectionInput) (*changedConnectionOutput, error) {
	if in.Connectivity != nil {
		return nil, noPrivateAPIs("InvocationConnectivityParameters")
	}
	e, err := a.destinations.UpdateConnection(ctx, named(r, in.Name), func(def *destination.Connection) error {
		if in.Description != nil {
			def.Description = string(in.Description)
		}
		if in.KMSKey != "" {
			keep(&def.Kept, keptKMSKey, in.KMSKey)
		}
		if to := destination.Authorization(in.Type); to != "" && to != def.Authorization {
			forget(def)
			def.Authorization = to
			if in.Auth == nil {
				return authMissing(def.Authorization)
			}
		}
		if in.Auth == nil {
			return nil
		}
		return setAuth(def, in.Auth)
	})
	if err != nil {
		return nil, aboutConnection(err, in.Name)
	}
	return changedConnection(&e), nil
}

func (a *API) describeConnection(ctx context.Context, r *awsapi.Request, in *onConnection) (*describeConnectionOutput, error) {
	e, err := a.destinations.Connection(ctx, named(r, in.Name))
	if err != nil {
		return nil, aboutConnection(err, in.Name)
	}
	return &describeConnectionOutput{
		listedConnection: listedConnectionOf(&e), Description: e.Connection.Description, SecretARN: secretARN(&e),
		KMSKey: e.Connection.Kept[keptKMSKey], Auth: shown(&e.Connection),
	}, nil
}

// secretARN is the ARN under which AWS would keep the secrets of a connection.
func secretARN(e *destination.ConnectionEntry) string {
	id := uuidOf(destination.ConnectionTable, e.Name, e.Connection.UUID)
	return awsapi.ARN{
		Service: "secretsmanager", Region: e.Name.Region, Account: e.Name.Account, Resource: "secret:events!connection/" + e.Name.Name + "/" + id,
	}.String()
}

func listedConnectionOf(e *destination.ConnectionEntry) listedConnection {
	return listedConnection{*changedConnection(e), e.Name.Name, e.Connection.Reason, string(e.Connection.Authorization)}
}

func (a *API) listConnections(ctx context.Context, r *awsapi.Request, in *listConnectionsInput) (*listConnectionsOutput, error) {
	list := func(after string, limit int) ([]destination.ConnectionEntry, bool, error) {
		return a.destinations.Connections(ctx, query(r, in.Prefix, after, limit))
	}
	var keep func(*destination.ConnectionEntry) bool
	if in.State != "" {
		keep = func(e *destination.ConnectionEntry) bool { return connectionState(&e.Connection) == in.State }
	}
	entries, token, err := collect(&in.paged, list, func(e *destination.ConnectionEntry) string { return e.Name.Name }, keep)
	if err != nil {
		return nil, err
	}
	out := &listConnectionsOutput{NextToken: token}
	for i := range entries {
		out.Connections = append(out.Connections, listedConnectionOf(&entries[i]))
	}
	return out, nil
}

func (a *API) deauthorizeConnection(ctx context.Context, r *awsapi.Request, in *onConnection) (*changedConnectionOutput, error) {
	return a.connectionDone(ctx, r, in, a.destinations.DeauthorizeConnection)
}

func (a *API) deleteConnection(ctx context.Context, r *awsapi.Request, in *onConnection) (*changedConnectionOutput, error) {
	out, err := a.connectionDone(ctx, r, in, a.destinations.DeleteConnection)
	if err == nil {
		out.State = "DELETING"
	}
	return out, err
}

// connectionDone does something with a connection, and tells of it.
func (a *API) connectionDone(
	ctx context.Context, r *awsapi.Request, in *onConnection, do func(context.Context, catalog.Name) (destination.ConnectionEntry, error),
) (*changedConnectionOutput, error) {
	e, err := do(ctx, named(r, in.Name))
	if err != nil {
		return nil, aboutConnection(err, in.Name)
	}
	return changedConnection(&e), nil
}
