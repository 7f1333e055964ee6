# Writes the sets that come from R's mlbench (run by make.sh).

library(mlbench)

snake <- function(name) tolower(gsub("[^A-Za-z0-9]+", "_", name))

save <- function(name, features, anomaly) {
    colnames(features) <- snake(colnames(features))
    features$label <- as.integer(anomaly)
    write.table(features, paste0(name, ".csv"), sep = ",", na = "",
                quote = FALSE, row.names = FALSE)
}

# Factors whose levels are numbers, as numbers.
numbers <- function(d) {
    as.data.frame(lapply(d, function(x) as.numeric(as.character(x))))
}

# Shuttle: normal is Rad.Flow; High, a large second class, is left out.
data(Shuttle)
d <- Shuttle[Shuttle$Class != "High", ]
f <- d[, 1:9]
colnames(f) <- c("time", paste0("sensor_", 1:8))
save("shuttle", f, d$Class != "Rad.Flow")

# Breast cancer, the original set: nine gradings from 1 to 10, some missing.
data(BreastCancer)
f <- numbers(BreastCancer[, 2:10])
colnames(f) <- c("clump_thickness", "cell_size", "cell_shape",
                 "marginal_adhesion", "epithelial_cell_size", "bare_nuclei",
                 "bland_chromatin", "normal_nucleoli", "mitoses")
save("breast_cancer_original", f, BreastCancer$Class == "malignant")

# Glass: tableware (type 6) among windows, containers and headlamps.
data(Glass)
f <- Glass[, 1:9]
colnames(f) <- c("refractive_index", "sodium", "magnesium", "aluminum",
                 "silicon", "potassium", "calcium", "barium", "iron")
save("glass", f, Glass$Type == "6")

# Ionosphere: radar returns that show no structure.
data(Ionosphere)
f <- numbers(Ionosphere[, 1:34])
colnames(f) <- sprintf("pulse_%02d_%s", rep(1:17, each = 2), c("re", "im"))
save("ionosphere", f, Ionosphere$Class == "bad")

# Satellite: the three smallest of the six kinds of ground.
data(Satellite)
f <- Satellite[, 1:36]
colnames(f) <- sprintf("pixel_%d_band_%d", rep(1:9, each = 4), 1:4)
save("satellite", f, Satellite$classes %in%
     c("cotton crop", "damp grey soil", "vegetation stubble"))

# Soybean: categories, spelled out as mlbench's documentation lists them.
data(Soybean)
yes <- c("yes", "no")
norm <- c("norm", "abnorm")
absent <- c("absent", "present")
level <- c("lt_norm", "norm", "gt_norm")
codes <- list(
    date = c("apr", "may", "june", "july", "aug", "sept", "oct"),
    plant.stand = c("normal", "lt_normal"), precip = level, temp = level,
    hail = yes,
    crop.hist = c("dif_lst_yr", "s_l_y", "s_l_2_y", "s_l_7_y"),
    area.dam = c("scatter", "low_area", "upper_ar", "whole_field"),
    sever = c("minor", "pot_severe", "severe"),
    seed.tmt = c("none", "fungicide", "other"),
    germ = c("90-100%", "80-89%", "lt_80%"),
    plant.growth = norm, leaves = norm,
    leaf.halo = c("absent", "yellow_halos", "no_yellow_halos"),
    leaf.marg = c("w_s_marg", "no_w_s_marg", "dna"),
    leaf.size = c("lt_1/8", "gt_1/8", "dna"),
    leaf.shread = absent, leaf.malf = absent,
    leaf.mild = c("absent", "upper_surf", "lower_surf"),
    stem = norm, lodging = yes,
    stem.cankers = c("absent", "below_soil", "above_s", "ab_sec_nde"),
    canker.lesion = c("dna", "brown", "dk_brown_blk", "tan"),
    fruiting.bodies = absent,
    ext.decay = c("absent", "firm_and_dry", "watery"),
    mycelium = absent, int.discolor = c("none", "brown", "black"),
    sclerotia = absent,
    fruit.pods = c("norm", "diseased", "few_present", "dna"),
    fruit.spots = c("absent", "col", "br_w/blk_speck", "distort", "dna"),
    seed = norm, mold.growth = absent, seed.discolor = absent,
    seed.size = c("norm", "lt_norm"), shriveling = absent,
    roots = c("norm", "rotted", "galls_cysts"))
f <- Soybean[, names(codes)]
for (n in names(codes))
    f[[n]] <- codes[[n]][as.integer(as.character(f[[n]])) + 1]
save("soybean", f, Soybean$Class %in%
     c("2-4-d-injury", "cyst-nematode", "diaporthe-pod-&-stem-blight",
       "herbicide-injury"))
