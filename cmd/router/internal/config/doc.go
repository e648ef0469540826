// Package config reads the operator's YAML file: the queues, topics, functions, buses, rules and webhooks of a router, and
// a few settings. The definitions belong to the packages that use them; this package composes the document out of them,
// decodes it strictly, checks what concerns several definitions, and turns it into declarations for the catalog.
//
// # From bytes to a Config
//
//	bytes ─ parse ─► yaml.Node ─ decode ─► document ─ check ─► Config ─► catalog declarations
//
// Every mistake of every step after parse is reported, each as an [*Error] with the line and column of the text at fault.
//
// # Secrets
//
// "${env:NAME}" in a text value is replaced by an environment variable. What came from one is not shown in errors. The
// secrets of functions become part of the catalog's records, because every node that delivers needs them; so whoever can
// read the data directory can read them. The secrets of webhooks are needed only where the file is and stay in memory, in
// [Config.Webhooks].
package config
