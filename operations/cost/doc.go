// Package cost estimates what Llac costs on AWS: first an idle month, which depends on the resources that exist, then what
// each run adds.
//
// The nouns. A Usage is a quantity of one priced thing, of a service and perhaps a dataset. The price Table is a file with a
// date, and every figure names that date. Standing lists the resources of an environment, read from Terraform's plans. A Run
// is what one run of a dataset used: its receipts have times and sizes, and the spans of its deliveries count the requests to
// the lake and the published messages. What none of these has is an Assumption, in the same file, with its reason.
//
// What must hold: a kind of resource that the table does not know is reported, and never taken to be free; requests that were
// not counted are reported, and never estimated.
package cost
