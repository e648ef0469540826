package events

// refused are the operations that the router does not have, with the reason.
func refused() map[string]string {
	const (
		partner   = "the router has no event sources of partners"
		endpoints = "the router has no global endpoints"
	)
	return map[string]string{
		"ActivateEventSource":            partner,
		"DeactivateEventSource":          partner,
		"DescribeEventSource":            partner,
		"ListEventSources":               partner,
		"CreatePartnerEventSource":       partner,
		"DeletePartnerEventSource":       partner,
		"DescribePartnerEventSource":     partner,
		"ListPartnerEventSources":        partner,
		"ListPartnerEventSourceAccounts": partner,
		"PutPartnerEvents":               partner,
		"CreateEndpoint":                 endpoints,
		"UpdateEndpoint":                 endpoints,
		"DeleteEndpoint":                 endpoints,
		"DescribeEndpoint":               endpoints,
		"ListEndpoints":                  endpoints,
	}
}
