// Package ingest takes in the webhooks of other people's services: POST /hooks/{source}.
//
// A [Source] is the definition of one such webhook, as data: how its deliveries are verified, with
// which secrets, on which bus they arrive, and for how long a repeated delivery counts as the same.
// [Source.Verify] is a pure function from (time, headers, raw body) to a [Delivery]: it checks the
// signature first, over the bytes as they came, and only then reads the body and normalises it into
// an [event.Event]. [Handler] is the HTTP side: it looks the source up, verifies, hands the event to
// a [Publisher] and answers 200 only after that has returned, because a provider that got a 2xx
// does not send again.
//
// What each provider's delivery becomes is a contract with the rules that users write:
//
//	scheme             type                            source           subject             id of the delivery
//	github             com.github.<event>[.<action>]   repository.url   number, ref or id   X-GitHub-Delivery
//	stripe             com.stripe.<type>               webhook/<name>   data.object.id      body: id
//	slack              com.slack.<event.type>          webhook/<name>   –                   body: event_id
//	shopify            com.shopify.<topic, . for />    webhook/<name>   –                   X-Shopify-Webhook-Id
//	standard-webhooks  body: type                      webhook/<name>   –                   webhook-id or svix-id
//	hmac, none         webhook.<name>                  webhook/<name>   –                   as configured
//
// Guarantees:
//
//  1. Nothing of a body is parsed before its signature was verified.
//  2. Signatures are compared in constant time, and an empty secret never verifies anything.
//  3. Where the scheme signs a time, a delivery outside the tolerance is refused, past or future.
//  4. One request is at most one event. A delivery without an id is never taken for a duplicate.
package ingest
