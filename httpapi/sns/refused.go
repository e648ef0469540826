package sns

// refused are the operations that the router does not have, with the reason.
func refused() map[string]string {
	const (
		push = "the router sends no push notifications to mobile devices"
		sms  = "the router sends no text messages"
	)
	return map[string]string{
		"CreatePlatformApplication":          push,
		"DeletePlatformApplication":          push,
		"GetPlatformApplicationAttributes":   push,
		"SetPlatformApplicationAttributes":   push,
		"ListPlatformApplications":           push,
		"CreatePlatformEndpoint":             push,
		"DeleteEndpoint":                     push,
		"GetEndpointAttributes":              push,
		"SetEndpointAttributes":              push,
		"ListEndpointsByPlatformApplication": push,
		"CheckIfPhoneNumberIsOptedOut":       sms,
		"ListPhoneNumbersOptedOut":           sms,
		"OptInPhoneNumber":                   sms,
		"GetSMSAttributes":                   sms,
		"SetSMSAttributes":                   sms,
		"ListOriginationNumbers":             sms,
		"CreateSMSSandboxPhoneNumber":        sms,
		"DeleteSMSSandboxPhoneNumber":        sms,
		"GetSMSSandboxAccountStatus":         sms,
		"ListSMSSandboxPhoneNumbers":         sms,
		"VerifySMSSandboxPhoneNumber":        sms,
	}
}

// refusedProtocol says whether a protocol is one of SNS, and why the router does not have it; empty if it has.
func refusedProtocol(protocol string) (reason string, known bool) {
	switch protocol {
	case protocolSQS, protocolLambda, protocolHTTP, protocolHTTPS:
		return "", true
	case "email", "email-json":
		return "the router sends no mail", true
	case "sms":
		return "the router sends no text messages", true
	case "application":
		return "the router sends no push notifications to mobile devices", true
	case "firehose":
		return "the router has no delivery streams", true
	}
	return "", false
}
