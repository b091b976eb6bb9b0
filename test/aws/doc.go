// Package aws applies terraform/ to moto, by make bootstrap, make stacks and make deploy, runs the services on what came of it (package driver),
// deploys and takes back one of them, and holds second plans against plan_allow.txt. moto_server.py is the moto that this is done with, and
// says what it puts right.
package aws
