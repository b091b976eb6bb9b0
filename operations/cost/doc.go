// Package cost says what Llac costs on AWS: first an idle month, which is decided by what stands there and not by what is
// done, then what each run adds.
//
// The nouns. A usage is a quantity of one priced thing, of a service and perhaps a dataset. The price table is a file with a
// date; every figure says from which date its price is. What stands there is read from Terraform's plans, what a run needs
// from its receipts; what neither tells is an assumption, in the same file, with its reason.
//
// What must hold: a kind of resource that the table does not know is told of, and never taken to be free.
package cost
