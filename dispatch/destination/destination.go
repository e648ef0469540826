package destination

// Table is the catalog table that holds a [Destination] under its name. Each has a delivery queue.
const Table = "api-destinations"

// DefaultRate is how many calls per second a destination gets at most that does not say.
const DefaultRate = 300

// Destination is an HTTP API that rules can have as a target.
type Destination struct {
	Description string `json:"description,omitempty" yaml:"description"`
	// Connection names the [Connection], in the destination's account and region.
	Connection string `json:"connection" yaml:"connection"`
	// URL is http or https; each asterisk in its path stands for a value that a target gives.
	URL string `json:"url" yaml:"url"`
	// Method is POST, GET, HEAD, OPTIONS, PUT, PATCH or DELETE.
	Method string `json:"method" yaml:"method"`
	// Rate is the most calls per second, at least 1; zero means 300.
	Rate int `json:"rate,omitempty" yaml:"rate"`
	// UUID ends the destination's ARN. CreateDestination sets it.
	UUID string `json:"uuid,omitempty" yaml:"-"`
	// Managed is true for what the operator's own file declares; see endpoint.Endpoint.
	Managed bool `json:"managed,omitempty" yaml:"-"`
	// Kept are attributes that a protocol keeps with the destination and on which nothing acts.
	Kept map[string]string `json:"kept,omitempty" yaml:"-"`
}
