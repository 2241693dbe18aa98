// Measures a data set in shards, each a task of its own, puts them together and cleans them: the same
// steps as in the Snakefile beside this file.
//
//     nextflow run examples/main.nf -resume --images=/data/images --masks=/data/masks \
//         --out=/data/run --shards=16 --options='--channels green'
//
// The tables are written into --out itself, which all tasks see, since an image table names images and
// masks as they are found from its own folder. A task that was killed goes on where it was (--resume).
// An image that can't be measured stops nothing: exit code 1 says that there are some, and the image
// table names them.
//
// The tests run the commands below in a shell, with 4 shards. Nextflow itself has run this file nowhere
// yet: it is written by the rules of the strict syntax, which 26.04 and later ask for.

params.images = null
params.masks = null
params.out = null
params.shards = 4
params.format = 'csv' // or parquet
params.options = '' // of measure, as --labels and --channels
params.clean = '--by none' // options of clean

process MEASURE {
    cpus 2
    errorStrategy 'retry'
    maxRetries 2

    input:
    val shard

    output:
    val "${file(params.out)}/shards/${shard}.${params.format}"

    script:
    """
    cellsieve measure '${file(params.images)}' --masks '${file(params.masks)}' ${params.options} \
        --resume --quiet --shard ${shard}/${params.shards} --jobs ${task.cpus} \
        -o '${file(params.out)}/shards/${shard}.${params.format}' || test \$? -eq 1
    """
}

process MERGE {
    input:
    val parts

    output:
    val "${file(params.out)}/cells.${params.format}"

    script:
    """
    cellsieve merge '${parts.join("' '")}' -o '${file(params.out)}/cells.${params.format}' --overwrite
    """
}

process CLEAN {
    input:
    val cells

    output:
    val "${file(params.out)}/clean.${params.format}"

    script:
    """
    cellsieve clean '${cells}' -o '${file(params.out)}/clean.${params.format}' --overwrite \
        ${params.clean}
    """
}

workflow {
    ['images', 'masks', 'out'].each { name ->
        if (params[name] == null) {
            error("--${name} is missing")
        }
    }
    shards = channel.of(1..(params.shards as Integer))
    CLEAN(MERGE(MEASURE(shards).collect()))
}
