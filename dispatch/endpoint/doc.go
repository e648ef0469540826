// Package endpoint holds what a function endpoint is, as data, and how one attempt to call it is made and judged. It knows
// no queues: package dispatch drains those and uses this.
//
// One attempt, from a delivery's message to its fate:
//
//	Endpoint ──► Request ──► Client.Do ──► Result ──► Decide ──► Step
//	(settings)   (payload,   (egress guard, (a value,  (pure:     done | retry after Delay |
//	              Signer)     one timeout)   always)    Judge,     give up with a reason |
//	                                                    Next)      release, uncounted
//
// What is guaranteed:
//  1. Redirects are never followed; a 3xx answer is a failed attempt that shows its Location.
//  2. An attempt succeeds when a 2xx answer and its body (or the body's first 64 KiB) arrived within the timeout. For
//     format lambda it must also lack the X-Amz-Function-Error header.
//  3. The addresses of API-made endpoints are checked when dialling, after DNS; link-local and metadata addresses
//     are refused for every endpoint. Connections are never shared between the two kinds.
//  4. An attempt yields a value: Do returns no Go error, and nothing it reads from an endpoint is unbounded.
//
// The package imports nothing of ours but package duration, the notation for durations.
package endpoint
