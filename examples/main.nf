// Measures a data set in shards, each a task of its own, puts them together and cleans them: the same
// steps as in the Snakefile beside this file.
//
//     nextflow run examples/main.nf -resume --images /data/images --masks /data/masks \
//         --out /data/run --shards 16 --options '--channels green'
//
// The tables are written into --out itself, which all tasks see, since an image table names images and
// masks as they are found from its own folder. A task that was killed goes on where it was (--resume).
// An image that can't be measured stops nothing: exit code 1 says that there are some, and the image
// table names them.

nextflow.enable.dsl = 2

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
    val table

    script:
    table = "${file(params.out)}/shards/${shard}.${params.format}"
    """
    cellsieve measure '${file(params.images)}' --masks '${file(params.masks)}' ${params.options} \
        --resume --quiet --shard ${shard}/${params.shards} --jobs ${task.cpus} -o '${table}' \
        || test \$? -eq 1
    """
}

process MERGE {
    input:
    val parts

    output:
    val table

    script:
    table = "${file(params.out)}/cells.${params.format}"
    """
    cellsieve merge ${parts.collect { part -> "'${part}'" }.join(' ')} -o '${table}' --overwrite
    """
}

process CLEAN {
    input:
    val cells

    output:
    val table

    script:
    table = "${file(params.out)}/clean.${params.format}"
    """
    cellsieve clean '${cells}' -o '${table}' --overwrite ${params.clean}
    """
}

workflow {
    for (name in ['images', 'masks', 'out']) {
        if (params[name] == null) {
            error "--${name} is missing"
        }
    }
    shards = Channel.of(1..(params.shards as int))
    CLEAN(MERGE(MEASURE(shards).collect()))
}
