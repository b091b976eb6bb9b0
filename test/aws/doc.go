// Package aws applies terraform/ to moto with make bootstrap, make stacks and make deploy, and runs the services on the result (package
// driver). It also deploys and rolls back one service, and checks second plans against plan_allow.txt. moto_server.py starts the moto that
// is used and documents what it adds to moto.
package aws
