// Pins the MongoDB stand-in of the demo image `mongo`: go.sum says what the download must be.
module cybexp.demo/ferretdb

go 1.22

require github.com/FerretDB/FerretDB v1.24.0
