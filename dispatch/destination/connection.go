package destination

import "time"

// ConnectionTable is the catalog table that holds a [Connection] under its name.
const ConnectionTable = "connections"

// Authorization says how a connection authorizes.
type Authorization string

// What an Authorization can be.
const (
	Basic  Authorization = "BASIC"
	APIKey Authorization = "API_KEY"
	OAuth  Authorization = "OAUTH_CLIENT_CREDENTIALS"
)

// Connection is how calls to the API destinations that name it are authorized, and what is added to each.
type Connection struct {
	Description   string        `json:"description,omitempty" yaml:"description"`
	Authorization Authorization `json:"authorization" yaml:"authorization"`
	// Username and Password are for Basic.
	Username string `json:"username,omitempty" yaml:"username"`
	Password string `json:"password,omitempty" yaml:"password"`
	// KeyName is the header and KeyValue its value, for APIKey.
	KeyName  string `json:"key_name,omitempty" yaml:"key_name"`
	KeyValue string `json:"key_value,omitempty" yaml:"key_value"`
	// Token says where tokens come from, for OAuth.
	Token *TokenSource `json:"token,omitempty" yaml:"token"`
	// Parameters are added to each call.
	Parameters Parameters `json:"parameters,omitzero" yaml:"parameters"`

	// UUID ends the connection's ARN. CreateConnection sets it, and what follows.
	UUID string `json:"uuid,omitempty" yaml:"-"`
	// State is AUTHORIZED, AUTHORIZING or DEAUTHORIZED; a file's has none, and is authorized.
	State  State  `json:"state,omitempty" yaml:"-"`
	Reason string `json:"reason,omitempty" yaml:"-"`
	// Authorized is when it was authorized last.
	Authorized time.Time `json:"authorized,omitzero" yaml:"-"`
	// Generation counts how often it was to be authorized anew: no token of one is used for the next.
	Generation int `json:"generation,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the connection and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}

// State says whether a connection can be used.
type State string

// States of a connection.
const (
	Authorizing  State = "AUTHORIZING"
	Authorized   State = "AUTHORIZED"
	Deauthorized State = "DEAUTHORIZED"
)

// authorized says whether calls were found to be authorized by it.
func (c *Connection) authorized() bool { return c.State == "" || c.State == Authorized }

// usable says whether it is worth a try: one that is authorizing is, since the token that it waits for is what a call needs. So a
// change of a connection fails no delivery.
func (c *Connection) usable() bool { return c.State != Deauthorized }

// hasSecret says whether there is what its kind of authorization has as its secret.
func (c *Connection) hasSecret() bool {
	return c.Password != "" || c.KeyValue != "" || c.Token != nil && c.Token.ClientSecret != ""
}

// TokenSource is where an OAuth token is had for client credentials.
type TokenSource struct {
	// Endpoint is an http or https URL.
	Endpoint string `json:"endpoint" yaml:"endpoint"`
	// Method is GET, POST or PUT.
	Method       string     `json:"method" yaml:"method"`
	ClientID     string     `json:"client_id" yaml:"client_id"`
	ClientSecret string     `json:"client_secret" yaml:"client_secret"`
	Parameters   Parameters `json:"parameters,omitzero" yaml:"parameters"`
}

// Parameters are added to a request: to the header, the query, and the object that its body is. At most 100 of each.
type Parameters struct {
	Header []Parameter `json:"header,omitempty" yaml:"header"`
	Query  []Parameter `json:"query,omitempty" yaml:"query"`
	Body   []Parameter `json:"body,omitempty" yaml:"body"`
}

// Parameter is one of them.
type Parameter struct {
	Key   string `json:"key" yaml:"key"`
	Value string `json:"value" yaml:"value"`
	// Secret keeps the value from being shown.
	Secret bool `json:"secret,omitempty" yaml:"secret"`
}
